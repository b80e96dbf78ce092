"""The whole analysis: from the maps of the images in the groups to every map of the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.amva.bootstrap import bootstrap_maps
from fiqx_trt.amva.deviation import ad_mam, deviations, map_blocks
from fiqx_trt.amva.groups import Groups
from fiqx_trt.amva.result import Amva, MethodResult
from fiqx_trt.amva.variation import VariationMaps
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.overlap import shared_ratio
from fiqx_trt.statistics import CompactMaps, GridStatistics, MapStatistics
from fiqx_trt.statistics.base import DEFAULT_BUDGET, Statistics

__all__ = ["analyse", "group_statistics"]

Maps = CompactMaps | NDArray[np.float32]


def analyse(
    paths: Sequence[str],
    groups: Mapping[str, Groups],
    maps: Maps,
    *,
    rows: NDArray[np.integer] | None = None,
    replicates: int = 0,
    level: float = 0.95,
    seed: int = 0,
    examples: int = 4,
    memory_budget: int = DEFAULT_BUDGET,
) -> Amva:
    """Analyse the variation of activation maps between groups of high and low quality (Fu & Damer, Eq. 1 to 7).

    Parameters
    ----------
    paths
        Names of all images.
    groups
        Method → its groups, from :func:`fiqx_trt.amva.quality_groups`.
    maps
        Activation maps in [0, 1]: ``(n, H, W)`` float32, or compact maps (:meth:`fiqx_trt.explain.ScoreCam.compact`).
    rows
        ``(n,)`` position in ``paths`` of every map; without it there is one map per path. Only the maps of
        :func:`fiqx_trt.amva.members` are needed.
    replicates, level, seed
        Bootstrap bands of mean and variation; 0 replicates for none.
    examples
        Images of each group whose AD-MAM is kept as a map: the best of H, the worst of L.
    memory_budget
        Bytes of maps a group may keep for an exact median; see :class:`fiqx_trt.MapStatistics`.

    Returns
    -------
    Amva
        All maps and numbers; write it with :func:`fiqx_trt.amva.save_amva`.

    Raises
    ------
    InvalidInputError
        A map of a group's image is missing, or a parameter is out of range.
    """
    where = _map_rows(paths, groups, len(maps), rows)
    methods = {}
    for name, group in groups.items():
        high, low = _take(maps, where[np.sort(group.high)]), _take(maps, where[np.sort(group.low)])
        variation = VariationMaps.of(
            group_statistics(high, memory_budget=memory_budget),
            group_statistics(low, memory_budget=memory_budget),
        )
        bands = (
            bootstrap_maps(high, low, replicates=replicates, level=level, seed=seed) if replicates else None
        )
        members = np.concatenate([group.high, group.low])
        shown = np.concatenate([group.high[:examples], group.low[:examples]])
        methods[name] = MethodResult(
            groups=group,
            maps=variation,
            members=members,
            deviations=deviations(_take(maps, where[members]), variation.mam_high),
            ad_mam=ad_mam(_pixels(_take(maps, where[shown])), variation.mam_high),
            ad_mam_members=shown,
            bands=bands,
        )
    high_groups, low_groups = [g.high for g in groups.values()], [g.low for g in groups.values()]
    return Amva(tuple(paths), methods, shared_ratio(high_groups), shared_ratio(low_groups))


def group_statistics(maps: Maps, *, memory_budget: int = DEFAULT_BUDGET) -> Statistics:
    """Return the statistics of the maps of one group, compact where the maps are."""
    if isinstance(maps, CompactMaps):
        compact = GridStatistics(
            maps.size, (maps.grids.shape[1], maps.grids.shape[2]), memory_budget=memory_budget
        )
        compact.push(maps)
        return compact
    if maps.ndim != 3:
        raise InvalidInputError(f"the maps have shape {maps.shape}; give (N, H, W)")
    plain = MapStatistics((maps.shape[1], maps.shape[2]), memory_budget=memory_budget)
    for block in map_blocks(maps):
        plain.push(block)
    return plain


def _map_rows(
    paths: Sequence[str], groups: Mapping[str, Groups], count: int, rows: NDArray[np.integer] | None
) -> NDArray[np.int64]:
    """Return for every path the row of its map, -1 where there is none; every group's image has one."""
    rows = np.arange(len(paths)) if rows is None else np.asarray(rows)
    if len(rows) != count:
        raise InvalidInputError(
            f"{count} maps were given for {len(rows)} images; give one map for each, in the same order"
        )
    where = np.full(len(paths), -1, np.int64)
    where[rows] = np.arange(count)
    for group in groups.values():
        missing = [i for i in (*group.high, *group.low) if where[i] < 0]
        if missing:
            raise InvalidInputError(
                f"{len(missing)} images of the groups of {group.method!r} have no map, the first is "
                f"{paths[missing[0]]!r}; make the maps of all members of the groups"
            )
    return where


def _take(maps: Maps, rows: NDArray[np.int64]) -> Maps:
    return maps.take(rows) if isinstance(maps, CompactMaps) else maps[rows]


def _pixels(maps: Maps) -> NDArray[np.float32]:
    return maps.pixels() if isinstance(maps, CompactMaps) else maps
