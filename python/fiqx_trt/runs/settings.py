"""The settings of one kind of run as one object: scores, pixel-level quality, activation maps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.runs.colors import DEFAULT_COLORS, Drawing
from fiqx_trt.runs.options import CamOptions, FaceOptions, RuntimeOptions, open_model
from fiqx_trt.zoo import DEFAULT_MODEL

if TYPE_CHECKING:
    from fiqx_trt.faces.sources import Source
    from fiqx_trt.models import Model
    from fiqx_trt.quality import OptionsByMethod, QualityMethod
    from fiqx_trt.runs.face_files import FaceFiles
    from fiqx_trt.runs.maker import Maker

__all__ = [
    "CAM_TABLE",
    "PLQ_TABLE",
    "CamSettings",
    "Make",
    "PlqSettings",
    "RunSettings",
    "ScoreSettings",
    "gamma_field",
]

#: Names of the tables in the folder of a run.
PLQ_TABLE, CAM_TABLE = "plq.csv", "cam.csv"
#: Build the maker of the rows from an open model and the writer of the files of each face.
Make: TypeAlias = "Callable[[Model, FaceFiles], Maker]"


@dataclass(frozen=True, kw_only=True)
class RunSettings(ABC):
    """Settings that every kind of run has; can be pickled.

    Parameters
    ----------
    model
        Name of a known model, or its file.
    faces, runtime
        How faces are found, and where networks run.
    contract
        Fields of the model's contract that replace those of its sidecar (:func:`fiqx_trt.load_model`).
    """

    model: str | Path = DEFAULT_MODEL
    faces: FaceOptions = field(default_factory=FaceOptions)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    contract: Mapping[str, Any] = field(default_factory=dict)

    def open_model(self) -> Model:
        """Open the model."""
        return open_model(self.model, self.runtime, self.contract)

    def open_files(self, folder: Path) -> FaceFiles:
        """Return the writer of the files of each face; `folder` is that of the table. By default it writes none."""
        from fiqx_trt.runs.face_files import FaceFiles

        return FaceFiles(folder, maps=False, pictures="none")

    def choose(self, unit: int, sources: Iterable[Source]) -> Iterable[Source]:
        """Return the pictures of a unit that a run in parts takes: all, but for studies of some."""
        return sources

    @abstractmethod
    def prepare(self) -> Make:
        """Check the settings, before a model is opened; return a function that builds the maker of the rows.

        Raises
        ------
        InvalidInputError
            A setting is wrong.
        """


@dataclass(frozen=True, kw_only=True)
class ScoreSettings(RunSettings):
    """Settings of a run of ``score``.

    Parameters
    ----------
    model, faces, runtime, contract
        See :class:`RunSettings`.
    methods
        Names of quality methods; a name that comes twice counts once.
    options
        Options of the methods, such as ``{"serfiq": {"dropout": 0.3}}``; ``None``: the defaults.
    threshold
        Which faces are accepted, by the first method: a least quality such as ``"0.4"``, or ``"5%"``: more than a share of the
        calibration faces. ``None`` for no column ``accept``.
    """

    methods: Sequence[str] = ("serfiq",)
    options: OptionsByMethod | None = None
    threshold: str | None = None

    def create_methods(self) -> list[QualityMethod]:
        """Build the methods.

        Raises
        ------
        InvalidInputError
            There is none, a name is unknown, or an option is out of range.
        """
        from fiqx_trt.quality import create_methods

        return create_methods(self.methods, self.options)

    def prepare(self) -> Make:
        """Check the settings and return the builder of the maker; see :meth:`RunSettings.prepare`."""
        from fiqx_trt.runs.score_rows import PicturedScorer, Scorer
        from fiqx_trt.runs.threshold import Threshold

        methods = self.create_methods()
        limit = None if self.threshold is None else Threshold.parse(self.threshold, methods[0])
        return lambda model, files: (
            Scorer(model, methods, threshold=limit)
            if files.thumbs is None
            else PicturedScorer(model, methods, files, threshold=limit)
        )


@dataclass(frozen=True, kw_only=True)
class ExplainedSettings(RunSettings):
    """Settings of runs that write files of each face.

    Parameters
    ----------
    model, faces, runtime, contract
        See :class:`RunSettings`.
    maps
        Whether to write the float maps (``.npz``).
    pictures
        Pictures of face, map and overlay: ``"jpg"``, ``"png"`` or ``"none"``.
    colors, smooth
        How the maps are drawn (:class:`fiqx_trt.runs.colors.Drawing`).
    """

    maps: bool = True
    pictures: str = "jpg"
    colors: str = DEFAULT_COLORS
    smooth: float = 0.0

    def open_files(self, folder: Path) -> FaceFiles:
        """Return the writer of maps and pictures."""
        from fiqx_trt.runs.face_files import FaceFiles

        drawing = Drawing(self.colors, self.smooth)
        return FaceFiles(folder, maps=self.maps, pictures=self.pictures, drawing=drawing)


@dataclass(frozen=True, kw_only=True)
class PlqSettings(ExplainedSettings):
    """Settings of a run of ``plq``.

    Parameters
    ----------
    model, faces, runtime, contract, maps, pictures, colors, smooth
        See :class:`RunSettings` and :class:`ExplainedSettings`.
    weights
        Weighting of the quality node (:func:`fiqx_trt.plq`); ``None``: the preset's, or ``"l1"``.
    per
        ``"contrast"`` or ``"intensity"``; ``None``: per contrast, but per intensity with a preset or a γ.
    gamma
        Scale of the pixel quality; ``None``: the preset's, or the model's.
    preset
        Name of the α, r, γ and weighting of the paper (:data:`fiqx_trt.PRESETS`).
    clip
        Largest norm of a gradient; longer ones are shortened, and the face is marked.
    method
        Name of the quality method behind the maps.
    options
        Options of the method; ``None``: the defaults.
    """

    weights: str | None = None
    per: str | None = None
    gamma: float | None = None
    preset: str | None = None
    clip: float | None = None
    method: str = "serfiq"
    options: OptionsByMethod | None = None

    def open_model(self) -> Model:
        """Open the model with the α, r and γ that are given or are the preset's."""
        contract = {**self._preset_numbers(), **self.contract, **self._given_gamma}
        return open_model(self.model, self.runtime, contract)

    def prepare(self) -> Make:
        """Check the settings and return the builder of the maker; see :meth:`RunSettings.prepare`."""
        from fiqx_trt.explain.plq import PlqExplainer
        from fiqx_trt.quality import create_methods
        from fiqx_trt.runs.plq_rows import PlqRows

        (method,) = create_methods([self.method], self.options)
        self._preset_numbers()

        def rows(model: Model, files: FaceFiles) -> Maker:
            weighting, per = cast(Any, self._weighting), cast(Any, self._per)
            explainer = PlqExplainer(model, weighting, clip=self.clip, method=method, per=per)
            return PlqRows(explainer, files)

        return rows

    @property
    def _per(self) -> str | None:
        return self.per or ("intensity" if self.preset is not None or self.gamma is not None else None)

    @property
    def _weighting(self) -> str:
        from fiqx_trt.models.calibration import PRESETS

        return self.weights or ("l1" if self.preset is None else PRESETS[self.preset].weights)

    @property
    def _given_gamma(self) -> dict[str, float]:
        return {} if self.gamma is None else {gamma_field(self._per): self.gamma}

    def _preset_numbers(self) -> dict[str, float]:
        """Return α, r and γ of the preset; nothing without one.

        Raises
        ------
        InvalidInputError
            The preset is unknown, or its γ belongs to another weighting or definition.
        """
        from fiqx_trt.models.calibration import PRESETS

        if self.preset is None:
            return {}
        if self.preset not in PRESETS:
            raise InvalidInputError(f"no preset is called {self.preset!r}; there are {', '.join(PRESETS)}")
        numbers = PRESETS[self.preset]
        if self.gamma is None:
            self._require_preset_gamma(numbers.weights)
        return {"alpha": numbers.alpha, "r": numbers.r, gamma_field(self._per): numbers.gamma}

    def _require_preset_gamma(self, weights: str) -> None:
        """Raise where the preset's γ does not fit the other settings."""
        if self.weights not in (None, weights):
            raise InvalidInputError(
                f"γ of the preset {self.preset} belongs to the weighting {weights!r}; give --gamma with --weights "
                f"{self.weights} (in Python: gamma=…)"
            )
        if self._per == "contrast":
            raise InvalidInputError(
                f"γ of the preset {self.preset} belongs to the paper's definition, --per intensity; give --gamma with "
                "--per contrast (in Python: gamma=…)"
            )


@dataclass(frozen=True, kw_only=True)
class CamSettings(ExplainedSettings):
    """Settings of a run of ``cam``.

    Parameters
    ----------
    model, faces, runtime, contract, maps, pictures, colors, smooth
        See :class:`RunSettings` and :class:`ExplainedSettings`.
    cam
        Which map.
    grid
        Whether the small grid of each map is a column: a JSON list of rows, in the scale of the map, which is its bilinear
        upsampling.
    """

    cam: CamOptions = field(default_factory=CamOptions)
    grid: bool = False

    def prepare(self) -> Make:
        """Check the settings and return the builder of the maker; see :meth:`RunSettings.prepare`."""
        from fiqx_trt.runs.cam_rows import CamRows

        recipe = self.cam.recipe  # says what is wrong before a model is opened
        if self.grid and recipe.relu == "pixels":
            raise InvalidInputError(
                f"the maps of the preset {self.cam.preset} are cut off at 0 pixel by pixel, so no grid gives them; leave out "
                "--grid (in Python: grid=True), or take another preset"
            )
        return lambda model, files: CamRows(model, self.cam, files, grid=self.grid)


def gamma_field(per: str | None) -> Literal["gamma", "gamma_contrast"]:
    """Return the field of the model's contract that holds the γ of a definition."""
    return "gamma_contrast" if per == "contrast" else "gamma"
