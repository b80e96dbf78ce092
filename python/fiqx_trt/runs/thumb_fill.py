"""Make the small pictures that a run did not keep: those of rows that were in the table already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import FiqxError
from fiqx_trt.faces.batch import iter_batches
from fiqx_trt.rows.schema import starts_input
from fiqx_trt.runs.score_rows import base_row
from fiqx_trt.runs.thumbs import MAP_SIDE, ThumbFile, face_tile

if TYPE_CHECKING:
    from fiqx_trt.faces.source import Source
    from fiqx_trt.models import ModelSpec
    from fiqx_trt.runs.options import FaceOptions, Inputs, RuntimeOptions

__all__ = ["fill_from_inputs", "fill_from_pictures"]

BATCH = 32


def fill_from_inputs(
    thumbs: ThumbFile,
    absent: NDArray[np.int64],
    inputs: Inputs,
    table: Path,
    faces: FaceOptions,
    spec: ModelSpec,
    runtime: RuntimeOptions,
) -> None:
    """Read inputs again and keep the small pictures of their faces, which lie where the table says; nothing is detected.

    Parameters
    ----------
    thumbs
        Takes the pictures.
    absent
        Positions in the run of the inputs whose pictures are missing, increasing.
    inputs, faces, spec, runtime
        The inputs, how faces are found in them, the model's contract, and how many threads read.
    table
        The finished table of the run.
    """
    if not len(absent) or "-" in inputs.names:
        return
    known = (
        faces
        if faces.aligned
        else replace(faces, detector=f"landmarks:{table}", min_face=None, confidence=None)
    )
    with suppress(FiqxError), known.preparer(spec, runtime) as preparer:  # the page does without
        numbers, before = iter(absent.tolist()), None
        number = -1
        sources = _chosen(inputs.sources(), absent)
        for records in iter_batches(sources, preparer, batch=BATCH, threads=runtime.threads or 2):
            for record in records:
                row = base_row(record)
                if starts_input(before, row):
                    number = next(numbers)
                before = row
                if record.image is not None:
                    thumbs.add(number, record.face, face_tile(record.image))


def _chosen(sources: Iterable[Source], numbers: NDArray[np.int64]) -> Iterator[Source]:
    wanted = set(numbers.tolist())
    return (source for number, source in enumerate(sources) if number in wanted)


def fill_from_pictures(thumbs: ThumbFile, folder: Path, absent: Mapping[tuple[int, int], str]) -> None:
    """Keep the small pictures of faces whose large ones, with map and overlay, lie in a folder.

    Parameters
    ----------
    thumbs
        Takes the pictures.
    folder
        Where the large ones are.
    absent
        Position of the input in the run, and which face of it → name of the large picture.
    """
    from fiqx_trt.runs.face_picture import read_panels, split_panels

    for (number, face), name in absent.items():
        panels = read_panels(folder / name)
        if panels is not None:
            shown, _, over = split_panels(panels)[:3]
            small = [face_tile(one, MAP_SIDE) for one in (shown, over)]
            thumbs.add(number, face, np.concatenate(small, axis=1)[:, :, ::-1])
