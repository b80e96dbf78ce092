"""Areas of deletion and insertion with bands, and a line that compares a map with its baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fiqx_trt.evaluate.bootstrap import Estimate
from fiqx_trt.evaluate.mean_estimates import mean_estimates
from fiqx_trt.experiments.deletion import CENTRE, CHANCE, Deletion, mean_name

__all__ = ["Area", "MapComparison", "areas", "comparisons", "verdict", "words"]

WORDS = {"similarity": "", "genuine": " for other pictures of the same person"}


@dataclass(frozen=True)
class Area:
    """Mean areas of one order and one fill.

    Parameters
    ----------
    order, fill, measure
        What was removed in which order, what took its place, and what was measured.
    deletion, insertion
        Mean over the faces; deletion is good where it is low, insertion where it is high.
    """

    order: str
    fill: str
    measure: str
    deletion: Estimate
    insertion: Estimate


@dataclass(frozen=True)
class MapComparison:
    """A map beside a baseline, face by face.

    Parameters
    ----------
    name, baseline, measure
        What is compared, and in what.
    gain, baseline_gain
        Insertion minus deletion, the mean over fills and faces.
    difference
        Gain of the map minus gain of the baseline, on the same faces.
    """

    name: str
    baseline: str
    measure: str
    gain: Estimate
    baseline_gain: Estimate
    difference: Estimate

    @property
    def word(self) -> str:
        """``"beats"``, ``"is worse than"``, or ``"does not beat"`` where the band of the difference holds 0 or is not known."""
        if self.difference.low > 0:
            return "beats"
        return "is worse than" if self.difference.high < 0 else "does not beat"


def areas(result: Deletion) -> list[Area]:
    """Return the areas of every order, fill and measure."""
    rows = []
    for measure in result.curves:
        values = result.areas(measure)
        bands = _bands(result, values.reshape(len(values), -1))
        pairs = [
            (o, f, bands[2 * k], bands[2 * k + 1])
            for k, (o, f) in enumerate((o, f) for o in result.orders for f in result.fills)
        ]
        rows += [Area(o, f, measure, deletion, insertion) for o, f, deletion, insertion in pairs]
    return rows


def comparisons(result: Deletion, measure: str = "similarity") -> list[MapComparison]:
    """Compare every kind of map with the centre prior, the mean map of other faces where there is one, and chance."""
    gains = dict(zip(result.orders, result.gains(measure).T, strict=True))
    pairs = [
        (name, baseline)
        for name in result.maps
        for baseline in (CENTRE, mean_name(name), CHANCE)
        if baseline in gains
    ]
    columns = [(gains[n], gains[b], gains[n] - gains[b]) for n, b in pairs]
    bands = _bands(result, np.stack([c for three in columns for c in three], axis=1))
    return [
        MapComparison(name, baseline, measure, *bands[3 * k : 3 * k + 3])
        for k, (name, baseline) in enumerate(pairs)
    ]


def words(compared: Sequence[MapComparison]) -> str:
    """Return the comparisons of one map in words, without numbers.

    Examples
    --------
    >>> none = Estimate(0.1)
    >>> words([MapComparison("plq", "centre prior", "similarity", none, none, none)])
    'plq does not beat the centre prior'
    """
    return f"{compared[0].name} {', '.join(f'{one.word} {_named(one.baseline)}' for one in compared)}"


def verdict(compared: Sequence[MapComparison]) -> str:
    """Return one line on a map from its comparisons, all of one map and one measure.

    Examples
    --------
    >>> one = Estimate(0.44, 0.41, 0.47), Estimate(0.46, 0.43, 0.49), Estimate(-0.02, -0.03, -0.01)
    >>> verdict([MapComparison("plq", "centre prior", "similarity", *one)])
    'plq is worse than the centre prior (−0.020 [−0.030, −0.010]), by insertion − deletion, its own 0.440'
    """
    parts = [f"{one.word} {_named(one.baseline)} ({_signed(one.difference)})" for one in compared]
    own = _number(compared[0].gain.value)
    return f"{compared[0].name}{WORDS[compared[0].measure]} {', '.join(parts)}, by insertion − deletion, its own {own}"


def _named(baseline: str) -> str:
    if baseline == CHANCE:
        return baseline
    return f"the {baseline} of other faces" if baseline.startswith(mean_name("")) else f"the {baseline}"


def _number(value: float, sign: str = "") -> str:
    return f"{round(value, 3) + 0.0:{sign}.3f}".replace("-", "−") if np.isfinite(value) else "–"


def _signed(band: Estimate) -> str:
    value, low, high = (_number(x, "+") for x in (band.value, band.low, band.high))
    return value if "–" in (low, high) else f"{value} [{low}, {high}]"


def _bands(result: Deletion, columns: np.ndarray) -> list[Estimate]:
    options = result.options
    return mean_estimates(
        columns, result.unit, replicates=options.replicates, seed=options.seed, level=options.level
    )
