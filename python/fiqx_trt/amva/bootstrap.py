"""Bootstrap bands of the maps of two groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.bootstrap import check_bootstrap, draw_counts, percentile_interval
from fiqx_trt.statistics.upsampling import CompactMaps, pixel_tiles

__all__ = ["MapBands", "bootstrap_maps"]

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
NAMES = ("mam_high", "mam_low", "am_v_high", "am_v_low", "am_v_difference")
#: Pixels whose replicates exist at one time.
BLOCK = 1024


@dataclass(frozen=True)
class MapBands:
    """Percentile intervals of the maps of two groups, and of their means over the image.

    Parameters
    ----------
    lower, upper
        Name → ``(H, W)`` float64, for ``mam_high``, ``mam_low``, ``am_v_high``, ``am_v_low`` and ``am_v_difference``, the
        signed ``AM-V_H - AM-V_L``.
    means
        Name → (lower, upper) of the mean over the pixels.
    level, replicates
        Coverage asked for, and number of resamplings.
    """

    lower: dict[str, Doubles]
    upper: dict[str, Doubles]
    means: dict[str, tuple[float, float]]
    level: float
    replicates: int

    def distinct(self) -> NDArray[np.bool_]:
        """Return where the variation of H and L differs beyond chance: the band of the difference excludes 0, ``(H, W)``."""
        return (self.lower["am_v_difference"] > 0) | (self.upper["am_v_difference"] < 0)


def bootstrap_maps(
    high: CompactMaps | Floats,
    low: CompactMaps | Floats,
    *,
    replicates: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> MapBands:
    """Resample the images of H and of L and return percentile bands of their mean and variation.

    Parameters
    ----------
    high, low
        The groups' maps, ``(n, H, W)`` float32 or compact; resampled independently, with replacement.
    replicates
        Number of resamplings, at least 20.
    level
        Coverage of the bands, in (0, 1).
    seed
        Seed of the resampling.

    Raises
    ------
    InvalidInputError
        A parameter is out of range, or a group is empty.
    """
    check_bootstrap(replicates, level, fewest=20)
    if len(high) == 0 or len(low) == 0:
        raise InvalidInputError(f"H has {len(high)} maps and L {len(low)}; bands need at least one of each")
    rng = np.random.default_rng(seed)
    draws = [draw_counts(rng, len(maps), replicates) for maps in (high, low)]
    bands: dict[str, list[Doubles]] = {name: [] for name in NAMES}
    totals = {name: np.zeros(replicates) for name in NAMES}
    pixels = 0
    for high_block, low_block in zip(_pixel_blocks(high), _pixel_blocks(low), strict=True):
        pixels += high_block.shape[1]
        for name, values in _replicates(draws, high_block, low_block).items():
            bands[name].append(np.stack(percentile_interval(values, level)))
            totals[name] += values.sum(axis=1)
    size = _size(high)
    edges = {name: np.concatenate(parts, axis=1).reshape(2, *size) for name, parts in bands.items()}
    means = {name: percentile_interval(total / pixels, level) for name, total in totals.items()}
    return MapBands(
        lower={name: edge[0] for name, edge in edges.items()},
        upper={name: edge[1] for name, edge in edges.items()},
        means={name: (float(mean[0]), float(mean[1])) for name, mean in means.items()},
        level=level,
        replicates=replicates,
    )


def _replicates(draws: list[NDArray[np.int64]], high: Doubles, low: Doubles) -> dict[str, Doubles]:
    """Return mean and deviation of every resampling at some pixels, ``(replicates, pixels)`` each."""
    values = {}
    for name, drawn, block in (("high", draws[0], high), ("low", draws[1], low)):
        centre = block.mean(axis=0)
        away = block - centre  # centred first: a variance from raw squares loses digits
        shares = drawn / drawn.shape[1]
        shift = shares @ away
        values[f"mam_{name}"] = centre + shift
        values[f"am_v_{name}"] = np.sqrt(np.maximum(shares @ np.square(away) - np.square(shift), 0.0))
    values["am_v_difference"] = values["am_v_high"] - values["am_v_low"]
    return values


def _size(maps: CompactMaps | Floats) -> tuple[int, int]:
    return maps.size if isinstance(maps, CompactMaps) else (maps.shape[1], maps.shape[2])


def _pixel_blocks(maps: CompactMaps | Floats) -> Iterator[Doubles]:
    """Yield the values of all maps at a block of pixels, ``(n, pixels)`` float64."""
    for tile in pixel_tiles(_size(maps), BLOCK):
        block = maps.pixels(tile) if isinstance(maps, CompactMaps) else maps[:, tile[0], tile[1]]
        yield block.reshape(len(maps), -1).astype(np.float64)
