"""From face records to explained faces: maps, pictures and a table row each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.explain.plq import PixelQuality, PlqExplainer
from fiqx_trt.explain.regions import REGIONS, WHOLE, levels_of_means, region_masks, region_means, summarise
from fiqx_trt.report.plq_folder import MapShards, PictureWriter, safe_name
from fiqx_trt.rows import Column
from fiqx_trt.scoring.scorer import base_row

if TYPE_CHECKING:
    from fiqx_trt.faces.prepare import FaceRecord

__all__ = ["PlqRows"]

Row = dict[str, "str | int | float | None"]


class PlqRows:
    """Explains batches of face records; what :func:`fiqx_trt.scoring.score_table` calls.

    Parameters
    ----------
    explainer
        A model and the settings of its maps.
    shards
        Takes the float maps; ``None``: they are not kept.
    pictures
        Takes the pictures; ``None``: none are drawn.
    """

    def __init__(
        self, explainer: PlqExplainer, shards: MapShards | None = None, pictures: PictureWriter | None = None
    ) -> None:
        self._explainer = explainer
        self._shards = shards
        self._pictures = pictures
        spec = explainer.model.spec
        self._masks = region_masks(spec.template, spec.input_size)
        # Quantiles of another γ or weighting say nothing about these maps' mean; the regions' levels do not depend on them.
        same = explainer.gamma == spec.gamma and explainer.weights == (
            spec.gamma_weights or explainer.weights
        )
        self._reference = spec.regions if same else {}
        self._numbers = count()

    @property
    def columns(self) -> tuple[Column, ...]:
        """Columns behind those of every table."""
        numbers = ("quality", "plq", *(f"plq_{name}" for name in REGIONS))
        return (
            *(Column(name, "float") for name in numbers),
            Column("clipped", "int"),
            *(Column(name, "str") for name in ("low", "summary", "picture", "shard")),
            Column("position", "int"),
        )

    @property
    def parameters(self) -> Mapping[str, object]:
        """Every setting that changes a number."""
        explainer = self._explainer
        return {
            "plq.weights": explainer.weights,
            "plq.gamma": explainer.gamma,
            "plq.clip": explainer.clip,
            **explainer.method.parameters,
        }

    def rows(self, records: Sequence[FaceRecord]) -> list[Row]:
        """Return one row per record, in order; only ``ok`` rows carry numbers."""
        usable = [record for record in records if record.image is not None]
        found = iter(self._explain(usable))
        return [
            {**base_row(record), **(next(found) if record.image is not None else {})} for record in records
        ]

    def _explain(self, records: Sequence[FaceRecord]) -> list[Row]:
        if not records:
            return []
        result = self._explainer(np.stack([r.image for r in records if r.image is not None]))
        means = region_means(result.maps, self._masks)
        levels = levels_of_means(means, region_means(result.saliency, self._masks))
        return [
            self._row(
                record, result, i, *({name: float(v[i]) for name, v in x.items()} for x in (means, levels))
            )
            for i, record in enumerate(records)
        ]

    def _row(
        self,
        record: FaceRecord,
        result: PixelQuality,
        i: int,
        means: Mapping[str, float],
        levels: Mapping[str, float],
    ) -> Row:
        number, quality = next(self._numbers), float(result.quality[i])
        if not np.isfinite(quality):
            return {"status": "not_finite", "error": "the quality is not a finite number for this face"}
        told = summarise(levels, self._reference)
        row: Row = {
            "quality": quality,
            "plq": means[WHOLE],
            **{f"plq_{name}": means[name] for name in REGIONS if np.isfinite(means[name])},
            "clipped": int(result.clipped[i]),
            "low": " ".join(told.low) or None,
            "summary": told.text,
        }
        if self._shards is not None:
            row["shard"], row["position"] = self._shards.add(
                maps=result.maps[i],
                saliency=result.saliency[i],
                quality=quality,
                clipped=result.clipped[i],
                paths=record.path,
                faces=record.face,
            )
        if self._pictures is not None:
            name = safe_name(number, record.path, record.face)
            row["picture"] = self._pictures.add(name, _drawing(record, result.maps[i], quality, told.text))
        return row


def _drawing(
    record: FaceRecord, quality_map: NDArray[np.float32], quality: float, summary: str
) -> partial[NDArray[np.uint8]]:
    from fiqx_trt.report.plq_picture import draw_face

    assert record.image is not None
    name = record.path.replace("\\", "/").rsplit("/", 1)[-1]
    name += f" · face {record.face}" if record.face else ""
    # A copy: a view of the map would keep its whole batch until the picture is drawn.
    return partial(draw_face, record.image, quality_map.copy(), quality, name=name, summary=summary)
