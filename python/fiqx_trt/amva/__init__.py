"""Activation-map variation: what differs between faces of high and of low quality (Fu & Damer, CVPR Workshops 2022)."""

from fiqx_trt.amva.analysis import analyse, group_statistics
from fiqx_trt.amva.bootstrap import MapBands, bootstrap_maps
from fiqx_trt.amva.deviation import Deviations, ad_mam, deviations
from fiqx_trt.amva.groups import Groups, members, quality_groups
from fiqx_trt.amva.result import Amva, MethodResult, save_amva
from fiqx_trt.amva.variation import MethodDifference, VariationMaps, method_differences

__all__ = [
    "Amva",
    "Deviations",
    "Groups",
    "MapBands",
    "MethodDifference",
    "MethodResult",
    "VariationMaps",
    "ad_mam",
    "analyse",
    "bootstrap_maps",
    "deviations",
    "group_statistics",
    "members",
    "method_differences",
    "quality_groups",
    "save_amva",
]
