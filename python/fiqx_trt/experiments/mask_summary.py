"""Shares and means of the random masks by size, weighting and colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.proportions import wilson
from fiqx_trt.experiments.masks import MaskedFace

__all__ = ["summarise_colors", "summarise_masks"]


def summarise_masks(results: Sequence[MaskedFace]) -> dict[str, Any]:
    """Return shares with 95 % intervals and means by size, and the weightings in order of how well they find the masks.

    Parameters
    ----------
    results
        From :func:`fiqx_trt.experiments.masks.random_masks`.

    Returns
    -------
    dict
        For JSON. ``sizes`` → size → ``quality`` (share of Δ_Q̂ > 0, mean) and ``weights`` → weighting → share of Δ_p > 0, share of
        masks that lost more than the rest of the face, mean Δ_p inside and outside; ``ranking``: weighting, mean share of Δ_p > 0
        over the sizes, mean of Δ_p inside minus outside.

    Raises
    ------
    InvalidInputError
        There is no result.
    """
    if not results:
        raise InvalidInputError("no masked face was given; give at least one")
    weights = list(results[0].inside)
    sizes = {size: [r for r in results if r.size == size] for size in dict.fromkeys(r.size for r in results)}
    table = {str(size): _of_size(rows, weights) for size, rows in sizes.items()}
    return {"sizes": table, "ranking": _ranking(table, weights)}


def _of_size(rows: Sequence[MaskedFace], weights: Sequence[str]) -> dict[str, Any]:
    losses = np.array([row.quality_loss for row in rows])
    # A rise of Q̂ is a factor of the whole map, inside the mask as well: the share is told for both cases.
    fell = losses > 0
    by_weights = {}
    for name in weights:
        inside = np.array([row.inside[name] for row in rows])
        outside = np.array([row.outside[name] for row in rows])
        by_weights[name] = {
            "loss_inside_positive": _share(inside > 0),
            "loss_inside_positive_where_quality_fell": _share(inside[fell] > 0),
            "loss_inside_positive_where_quality_rose": _share(inside[~fell] > 0),
            "loss_inside_above_outside": _share(inside > outside),
            "mean_loss_inside": _number(inside.mean()),
            "mean_loss_outside": _number(outside.mean()),
        }
    return {
        "masks": len(rows),
        "quality_loss_positive": _share(losses > 0),
        "mean_quality_loss": _number(losses.mean()),
        "weights": by_weights,
    }


def _ranking(table: Mapping[str, Any], weights: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    for name in weights:
        entries = [entry["weights"][name] for entry in table.values()]
        share = float(np.mean([entry["loss_inside_positive"]["share"] for entry in entries]))
        contrast = float(
            np.mean([entry["mean_loss_inside"] - entry["mean_loss_outside"] for entry in entries])
        )
        rows.append({"weights": name, "mean_share": _number(share), "mean_contrast": _number(contrast)})
    return sorted(rows, key=lambda row: (-row["mean_share"], -row["mean_contrast"]))


def summarise_colors(results: Sequence[MaskedFace]) -> dict[str, Any]:
    """Return share of Δ_p > 0 and means by colour of the mask (T 8.4.1), of the first weighting.

    Raises
    ------
    InvalidInputError
        There is no result.
    """
    if not results:
        raise InvalidInputError("no masked face was given; give at least one")
    name = next(iter(results[0].inside))
    table = {}
    for color in dict.fromkeys(r.color for r in results):
        rows = [r for r in results if r.color == color]
        inside = np.array([r.inside[name] for r in rows])
        table[color] = {
            "loss_inside_positive": _share(inside > 0),
            "mean_loss_inside": _number(inside.mean()),
            "mean_loss_outside": _number(np.mean([r.outside[name] for r in rows])),
            "mean_quality_loss": _number(np.mean([r.quality_loss for r in rows])),
        }
    return {"weights": name, "size": results[0].size, "colors": table}


def _share(flags: Any) -> dict[str, Any]:
    return wilson(int(np.count_nonzero(flags)), len(flags)).as_dict()


def _number(value: float | np.floating) -> float:
    return round(float(value), 5)
