"""Judging quality methods: comparisons, error-versus-discard curves, agreement, choice of images.

The names are loaded when they are first used, so that a page that shows a measured number loads no curves.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fiqx_trt.evaluate.bands import CurveBands, bootstrap_bands
    from fiqx_trt.evaluate.bootstrap import Estimate
    from fiqx_trt.evaluate.comparisons import Comparisons, align_quality
    from fiqx_trt.evaluate.correlation import kendall, rank_correlation, spearman
    from fiqx_trt.evaluate.curves import BestDiscard, DiscardCurve, PartialArea, partial_areas
    from fiqx_trt.evaluate.edc import best_discard, discard_curve, random_discard
    from fiqx_trt.evaluate.overlap import Agreement, agreement, extremes, gaussian_copula_overlap
    from fiqx_trt.evaluate.pair_file import PairsFile, read_pairs, read_pairs_file
    from fiqx_trt.evaluate.pair_generation import generate_pairs, genuine_pairs, impostor_pairs
    from fiqx_trt.evaluate.sampling import folder_identities, identity_codes, per_identity
    from fiqx_trt.evaluate.similarity import cosine_similarity
    from fiqx_trt.evaluate.threshold import OperatingPoint, given_threshold, operating_point

__all__ = [
    "Agreement",
    "BestDiscard",
    "Comparisons",
    "CurveBands",
    "DiscardCurve",
    "Estimate",
    "OperatingPoint",
    "PairsFile",
    "PartialArea",
    "agreement",
    "align_quality",
    "best_discard",
    "bootstrap_bands",
    "cosine_similarity",
    "discard_curve",
    "extremes",
    "folder_identities",
    "gaussian_copula_overlap",
    "generate_pairs",
    "genuine_pairs",
    "given_threshold",
    "identity_codes",
    "impostor_pairs",
    "kendall",
    "operating_point",
    "partial_areas",
    "per_identity",
    "random_discard",
    "rank_correlation",
    "read_pairs",
    "read_pairs_file",
    "spearman",
]

_NAMES = {
    "bands": (
        "CurveBands",
        "bootstrap_bands",
    ),
    "bootstrap": ("Estimate",),
    "comparisons": (
        "Comparisons",
        "align_quality",
    ),
    "correlation": (
        "kendall",
        "rank_correlation",
        "spearman",
    ),
    "curves": (
        "BestDiscard",
        "DiscardCurve",
        "PartialArea",
        "partial_areas",
    ),
    "edc": (
        "best_discard",
        "discard_curve",
        "random_discard",
    ),
    "overlap": (
        "Agreement",
        "agreement",
        "extremes",
        "gaussian_copula_overlap",
    ),
    "pair_file": (
        "PairsFile",
        "read_pairs",
        "read_pairs_file",
    ),
    "pair_generation": (
        "generate_pairs",
        "genuine_pairs",
        "impostor_pairs",
    ),
    "sampling": (
        "folder_identities",
        "identity_codes",
        "per_identity",
    ),
    "similarity": ("cosine_similarity",),
    "threshold": (
        "OperatingPoint",
        "given_threshold",
        "operating_point",
    ),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
