"""Turn face records into pixel-level quality: a row, a map and a picture per face."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.explain.appearance import Appearance, appearance
from fiqx_trt.explain.deviation import missing_usual, usual_of
from fiqx_trt.explain.plq import PixelQuality, PlqExplainer
from fiqx_trt.explain.region_words import RegionWords, words_of
from fiqx_trt.explain.regions import REGIONS, WHOLE, region_masks, region_means
from fiqx_trt.quality.base import scaled_column
from fiqx_trt.rows import Column
from fiqx_trt.runs.explained_rows import ExplainedFace, ExplainedRows

if TYPE_CHECKING:
    from fiqx_trt.runs.colors import MapColors
    from fiqx_trt.runs.face_files import FaceFiles
    from fiqx_trt.runs.face_picture import MapStyle

__all__ = ["PlqRows"]


class PlqRows(ExplainedRows):
    """Make rows of pixel-level quality from batches of face records.

    Parameters
    ----------
    explainer
        A model and the settings of its maps.
    files
        Writes the maps and pictures.
    """

    def __init__(self, explainer: PlqExplainer, files: FaceFiles) -> None:
        super().__init__(files)
        self._explainer = explainer
        spec = explainer.model.spec
        self._masks = region_masks(spec.template, spec.input_size)
        self._usual = usual_of(spec, explainer.weights)

    @property
    def ran(self) -> str:
        """The precision of the gradients and the definition of the maps."""
        explainer = self._explainer
        return (
            f"gradients in fp32; per {explainer.per}, weighting {explainer.weights}, γ = {explainer.gamma:g}"
        )

    def notes(self) -> tuple[str, ...]:
        """Return why maps are not compared with those of usual faces, where they are not."""
        missing = missing_usual(self._explainer.model.spec, self._explainer.weights)
        return (missing,) if missing else ()

    @property
    def _quality_column(self) -> str:
        """The scaled quality has the name that it has in a table of scores."""
        return scaled_column(self._explainer.method.name)

    @property
    def _columns(self) -> tuple[Column, ...]:
        numbers = (self._quality_column, "plq", *(f"plq_{name}" for name in REGIONS), "grey", "contrast")
        return (
            *(Column(name, "float") for name in numbers),
            *(Column(name, "int") for name in ("clipped", "dark", "flat")),
            Column("low", "str"),
            Column("deviates", "str"),
            Column("summary", "str"),
        )

    @property
    def _parameters(self) -> Mapping[str, object]:
        explainer = self._explainer
        return {
            "plq.per": explainer.per,
            "plq.weights": explainer.weights,
            "plq.gamma": explainer.gamma,
            "plq.clip": explainer.clip,
            **self._compared,
            **explainer.method.parameters,
        }

    @property
    def _compared(self) -> Mapping[str, object]:
        usual = self._usual
        return {} if usual is None else {"plq.usual.faces": usual.faces, "plq.usual.alarm": usual.alarm}

    def _plain_style(self, colors: MapColors) -> MapStyle:
        from fiqx_trt.runs.face_picture import PIXEL_QUALITY

        return replace(PIXEL_QUALITY, colors=colors.quality)

    def _explain(self, faces: NDArray[np.uint8]) -> Iterable[ExplainedFace]:
        return self._each(self._explainer(faces), appearance(faces))

    def _each(self, result: PixelQuality, measured: Appearance) -> Iterable[ExplainedFace]:
        means = region_means(result.maps, self._masks)
        words = words_of(result, self._explainer.model.spec, self._explainer.weights)
        for i, region_words in enumerate(words):
            yield self._one(
                result, measured, i, {name: float(values[i]) for name, values in means.items()}, region_words
            )

    def _one(
        self,
        result: PixelQuality,
        measured: Appearance,
        i: int,
        means: Mapping[str, float],
        region_words: RegionWords,
    ) -> ExplainedFace:
        quality = float(result.quality[i])
        if not np.isfinite(quality):
            error = "the quality is not a finite number for this face"
            return ExplainedFace({"status": "not_finite", "error": error})
        empty = not result.saliency[i].any()
        text = _remark(region_words.text, measured, i, empty=empty)
        row = {
            self._quality_column: quality,
            "plq": means[WHOLE],
            **{f"plq_{name}": means[name] for name in REGIONS if np.isfinite(means[name])},
            "grey": float(measured.grey[i]),
            "contrast": float(measured.contrast[i]),
            "clipped": int(result.clipped[i]),
            "dark": int(measured.dark[i]),
            "flat": int(measured.flat[i] or empty),
            "low": " ".join(region_words.low) or None,
            "deviates": (result.deviates[i] or None) if result.deviates else None,
            "summary": text,
        }
        arrays = {"map": result.maps[i], "saliency": result.saliency[i], "quality": quality}
        if result.deviation is not None:
            arrays["deviation"] = result.deviation[i]
        return ExplainedFace(row, arrays, f"quality {quality:.2f}", text)


def _remark(text: str, measured: Appearance, i: int, *, empty: bool) -> str:
    """Return the words about regions, with the marks of the row in words after them."""
    if empty and measured.contrast[i] == 0:
        return "the picture is of one colour"
    marks = [word for word, marked in (("dark", measured.dark[i]), ("flat", measured.flat[i])) if marked]
    return f"{text}; the picture is {' and '.join(marks)}" if marks else text
