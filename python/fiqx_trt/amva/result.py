"""The result of an activation-map variation analysis, and how it is written and read back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.amva.bootstrap import MapBands
from fiqx_trt.amva.deviation import Deviations
from fiqx_trt.amva.groups import Groups
from fiqx_trt.amva.variation import DIFFERENCES, MethodDifference, VariationMaps, method_differences
from fiqx_trt.errors import OutputError
from fiqx_trt.files import npz_bytes, write_json, write_whole

__all__ = ["Amva", "MethodResult", "save_amva"]

SUMMARY = "summary.json"
BETWEEN = "between.npz"
FORMAT = 1


@dataclass(frozen=True)
class MethodResult:
    """The maps and deviations of one quality method's groups.

    Parameters
    ----------
    groups
        The images in H and L; positions refer to :attr:`Amva.paths`.
    maps
        The ten maps.
    members
        ``(n,)`` positions of the images of both groups, H best first, then L worst first.
    deviations
        AD-MAM_H of those images in single numbers.
    ad_mam
        ``(k, H, W)`` float32, AD-MAM_H of the first few images of H and of L.
    ad_mam_members
        ``(k,)`` their positions.
    bands
        Bootstrap bands, or ``None`` where none were asked for.
    """

    groups: Groups
    maps: VariationMaps
    members: NDArray[np.int64]
    deviations: Deviations
    ad_mam: NDArray[np.float32]
    ad_mam_members: NDArray[np.int64]
    bands: MapBands | None = None

    def summary(self) -> dict[str, Any]:
        """Return the numbers a reader looks for first, ready for JSON."""
        maps, groups = self.maps, self.groups
        high = len(groups.high)
        numbers: dict[str, Any] = {
            "images": groups.considered,
            "fraction": groups.fraction,
            "higher_is_better": groups.higher_is_better,
            "count_high": maps.count_high,
            "count_low": maps.count_low,
            "median_error": maps.median_error,
            "mean_of": {name: float(values.mean()) for name, values in maps.arrays().items()},
            "largest_of": {name: float(values.max()) for name, values in maps.arrays().items()},
            "share_of_pixels_varying_more_in_low": float((maps.am_v_low > maps.am_v_high).mean()),
            "ad_mam_mean_high": float(self.deviations.mean[:high].mean()),
            "ad_mam_mean_low": float(self.deviations.mean[high:].mean()),
            "ad_mam_outside_high": float(self.deviations.outside[:high].mean()),
            "ad_mam_outside_low": float(self.deviations.outside[high:].mean()),
        }
        if self.bands is not None:
            numbers["bands"] = {
                "level": self.bands.level,
                "replicates": self.bands.replicates,
                "mean_of": {name: list(ends) for name, ends in self.bands.means.items()},
                "share_of_pixels_distinct": float(self.bands.distinct().mean()),
            }
        return numbers


@dataclass(frozen=True)
class Amva:
    """An activation-map variation analysis of one or several quality methods.

    Parameters
    ----------
    paths
        Names of all images.
    methods
        Method → what its groups show.
    overlap_high, overlap_low
        ``(M, M)`` share of images that two methods' groups H and L have in common, in the order of ``methods``.
    """

    paths: tuple[str, ...]
    methods: Mapping[str, MethodResult]
    overlap_high: NDArray[np.float64]
    overlap_low: NDArray[np.float64]

    @property
    def maps(self) -> dict[str, VariationMaps]:
        """Method → its ten maps."""
        return {name: one.maps for name, one in self.methods.items()}

    def differences(self, *, signed: bool = True) -> tuple[MethodDifference, ...]:
        """Return the differences of every pair of methods; see :func:`fiqx_trt.amva.method_differences`."""
        return method_differences(self.maps, signed=signed)

    def summary(self) -> dict[str, Any]:
        """Return the whole analysis in numbers, ready for JSON."""
        names = list(self.methods)
        return {
            "methods": {name: one.summary() for name, one in self.methods.items()},
            "overlap": {
                "methods": names,
                "high": self.overlap_high.tolist(),
                "low": self.overlap_low.tolist(),
            },
            "between": {
                f"{one.first} - {one.second}": {k: float(v.mean()) for k, v in one.arrays().items()}
                for one in self.differences()
            },
        }


def save_amva(result: Amva, folder: Path, *, run: Mapping[str, Any] | None = None) -> list[Path]:
    """Write an analysis: ``<method>.npz`` for every method, ``between.npz`` and ``summary.json``.

    A method's file has the arrays ``mam_high, mam_low, am_v_high, am_v_low, mdam_high, mdam_low, am_mv_high, am_mv_low, d_am_v,
    d_am_mv``, ``(H, W)`` float64; ``ad_mam`` ``(k, H, W)`` float32 with ``ad_mam_paths``; the members of the groups with their
    deviations; and ``band_lower_…``, ``band_upper_…`` where there are bands. ``between.npz`` has
    ``<first>__<second>__d_am_v_high`` and so on.

    Parameters
    ----------
    result
        The analysis.
    folder
        Where to write; made if missing.
    run
        How the maps were made; kept in ``summary.json``.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for name, one in result.methods.items():
            written.append(folder / file_name(name))
            write_whole(written[-1], npz_bytes(_method_arrays(result.paths, one), compressed=True))
        if len(result.methods) > 1:
            written.append(folder / BETWEEN)
            write_whole(written[-1], npz_bytes(_between_arrays(result), compressed=True))
        written.append(folder / SUMMARY)
        content = {"format": FORMAT, "run": dict(run or {}), **result.summary(), "paths": list(result.paths)}
        write_json(written[-1], content)
    except OSError as error:
        raise OutputError(
            f"cannot write the analysis to {folder}: {error.strerror or error}; choose another folder"
        ) from error
    return written


def file_name(method: str) -> str:
    """Return the name of a method's file, safe on every file system.

    Examples
    --------
    >>> file_name("serfiq"), file_name("my/method")
    ('serfiq.npz', 'my_method.npz')
    """
    return re.sub(r"[^\w.-]", "_", method) + ".npz"


def _method_arrays(paths: tuple[str, ...], one: MethodResult) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = dict(one.maps.arrays())
    arrays |= {"ad_mam": one.ad_mam, "ad_mam_members": one.ad_mam_members}
    arrays["ad_mam_paths"] = np.array([paths[i] for i in one.ad_mam_members], dtype=np.str_)
    arrays |= {"high": one.groups.high, "low": one.groups.low, "members": one.members}
    arrays |= {f"deviation_{f.name}": getattr(one.deviations, f.name) for f in fields(Deviations)}
    if one.bands is not None:
        arrays |= {f"band_lower_{name}": values for name, values in one.bands.lower.items()}
        arrays |= {f"band_upper_{name}": values for name, values in one.bands.upper.items()}
    return arrays


def _between_arrays(result: Amva) -> dict[str, NDArray[Any]]:
    return {
        f"{one.first}__{one.second}__{name}": values
        for one in result.differences()
        for name, values in one.arrays().items()
        if name in DIFFERENCES
    }
