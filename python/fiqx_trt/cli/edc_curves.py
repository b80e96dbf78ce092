"""The curves of ``edc`` as one group of options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from fiqx_trt.errors import InvalidInputError

if TYPE_CHECKING:
    from fiqx_trt.evaluate.method_curves import EdcOptions

__all__ = ["CurveGroup"]

CURVES_PANEL = "Curves"


@dataclass(frozen=True)
class CurveGroup:
    """Settings of the curves and of their figures."""

    fmr: Annotated[
        list[float] | None,
        typer.Option(
            metavar="X",
            help="False match rate that fixes the threshold; may be repeated. Default: 0.001.",
            rich_help_panel=CURVES_PANEL,
            show_default=False,
        ),
    ] = None
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="T",
            help="A threshold fixed elsewhere; a distance where the pairs hold distances.",
            rich_help_panel=CURVES_PANEL,
            show_default=False,
        ),
    ] = None
    recompute: Annotated[
        bool,
        typer.Option(
            "--recompute",
            help="Fix the threshold anew at every step of the discard, in place of once.",
            rich_help_panel=CURVES_PANEL,
        ),
    ] = False
    axis: Annotated[
        str,
        typer.Option(
            help="What the discard is a fraction of: all comparisons, or genuine ones.",
            rich_help_panel=CURVES_PANEL,
        ),
    ] = "comparisons"
    missing: Annotated[
        str,
        typer.Option(
            help="Compared images without a score: error, worst (leave first), drop (their comparisons do not count, for "
            "any method).",
            rich_help_panel=CURVES_PANEL,
        ),
    ] = "error"
    limit: Annotated[
        list[float] | None,
        typer.Option(
            metavar="X",
            help="Discard fraction up to which a partial area is taken; may be repeated. Default: 0.2 and 0.3.",
            rich_help_panel=CURVES_PANEL,
        ),
    ] = None
    det: Annotated[
        list[float] | None,
        typer.Option(
            metavar="X",
            help="Discard fraction whose DET curve is drawn; may be repeated. Default: 0, 0.1, 0.2, 0.3.",
            rich_help_panel=CURVES_PANEL,
            show_default=False,
        ),
    ] = None
    replicates: Annotated[
        int,
        typer.Option(
            help="Bootstrap replicates over people for the bands; 0: no bands.", rich_help_panel=CURVES_PANEL
        ),
    ] = 200
    until: Annotated[
        float,
        typer.Option(help="Discard fraction at the right end of the figure.", rich_help_panel=CURVES_PANEL),
    ] = 0.95
    scale: Annotated[
        str, typer.Option(help="Vertical axis: linear or log.", rich_help_panel=CURVES_PANEL)
    ] = "linear"

    @property
    def rates(self) -> tuple[float, ...]:
        """False match rates."""
        return tuple(self.fmr or (1e-3,))

    @property
    def discards(self) -> tuple[float, ...]:
        """Discard fractions of the DET curves."""
        from fiqx_trt.evaluate.det import DISCARDS

        return tuple(DISCARDS if self.det is None else self.det)

    @property
    def limits(self) -> tuple[float, ...]:
        """Limits of the partial areas."""
        return tuple(self.limit or (0.2, 0.3))

    def options(self, seed: int, *, distances: bool) -> EdcOptions:
        """Return the options at the first rate; a threshold of distances is turned around as the distances are."""
        from fiqx_trt.evaluate.method_curves import EdcOptions

        fixed = -self.threshold if self.threshold is not None and distances else self.threshold
        return EdcOptions(
            self.rates[0],
            fixed,
            self.recompute,
            self.axis,
            self.missing,
            self.limits,
            self.replicates,
            seed,
        )

    def check(self) -> None:
        """Check what the library does not see, or sees late.

        Raises
        ------
        InvalidInputError
            An option is out of range.
        """
        from fiqx_trt.figures.edc import SCALES

        for limit in self.limits:
            if not 0.0 < limit <= 1.0:
                raise InvalidInputError(
                    f"--limit is {limit:g}; give a discard fraction above 0 and at most 1"
                )
        for discard in self.discards:
            if not 0.0 <= discard < 1.0:
                raise InvalidInputError(
                    f"--det is {discard:g}; give discard fractions of at least 0 and below 1"
                )
        if self.scale not in SCALES:
            raise InvalidInputError(f"--scale is {self.scale!r}; choose one of {', '.join(SCALES)}")
        if not 0.0 < self.until <= 1.0:
            raise InvalidInputError(
                f"--until is {self.until:g}; give a discard fraction above 0 and at most 1"
            )
