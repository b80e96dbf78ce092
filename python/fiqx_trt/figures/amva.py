"""All figures of an activation-map variation analysis (Fu & Damer, Fig. 2 to 6), as pictures and as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.amva import Amva, ad_mam
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.figures.canvas import Look, Picture
from fiqx_trt.figures.differences import differences_figure
from fiqx_trt.figures.faces import FaceRow, faces_figure
from fiqx_trt.figures.overlap import overlap_figure
from fiqx_trt.figures.variation import variation_figure

__all__ = ["Look", "Picture", "amva_figures", "example_images", "face_rows"]


def example_images(result: Amva, *, count: int = 3, method: str | None = None) -> NDArray[np.int64]:
    """Return the positions of the images that the figure of faces shows: the best of H, then the worst of L.

    Parameters
    ----------
    result
        The analysis.
    count
        Images of each group.
    method
        By which method; the first when not given.
    """
    groups = result.methods[method or next(iter(result.methods))].groups
    return np.concatenate([groups.high[:count], groups.low[:count]])


def face_rows(
    result: Amva,
    positions: NDArray[np.integer],
    faces: Sequence[NDArray[np.uint8]],
    maps: NDArray[np.float32],
    scores: Mapping[str, NDArray[np.floating]],
    *,
    method: str | None = None,
) -> list[FaceRow]:
    """Return the rows of the figure of faces.

    Parameters
    ----------
    result
        The analysis.
    positions
        ``(k,)`` positions of the images in ``result.paths``, as from :func:`example_images`.
    faces
        k faces, ``(H, W, 3)`` uint8 RGB.
    maps
        ``(k, H, W)`` their activation maps.
    scores
        Method → qualities of all images of ``result.paths``.
    method
        Whose groups give the headings; the first when not given.

    Raises
    ------
    InvalidInputError
        The numbers of faces, maps and positions differ.
    """
    if not len(positions) == len(faces) == len(maps):
        raise InvalidInputError(
            f"{len(positions)} positions, {len(faces)} faces and {len(maps)} maps were given; give the same number of each"
        )
    high = set(result.methods[method or next(iter(result.methods))].groups.high.tolist())
    deviations = {name: ad_mam(maps, one.maps.mam_high) for name, one in result.methods.items()}
    return [
        FaceRow(
            face=faces[i],
            activation=maps[i],
            deviations={name: values[i] for name, values in deviations.items()},
            scores={name: float(values[position]) for name, values in scores.items()},
            group="H" if int(position) in high else "L",
            name=result.paths[position],
        )
        for i, position in enumerate(positions)
    ]


def amva_figures(
    result: Amva, *, rows: Sequence[FaceRow] = (), look: Look | None = None
) -> dict[str, Picture]:
    """Draw every figure the analysis has data for.

    Parameters
    ----------
    result
        The analysis.
    rows
        Faces for the last figure, from :func:`face_rows`.
    look
        Colours and resolution.

    Returns
    -------
    dict
        File name without suffix → figure: ``mam`` and ``mdam`` (Fig. 3 and 4); with several methods ``overlap`` (Fig. 2),
        ``d-am-v`` and ``d-am-mv`` (Fig. 5); with rows ``faces`` (Fig. 6).
    """
    figures = {
        "mam": variation_figure(result.maps, kind="mean", look=look),
        "mdam": variation_figure(result.maps, kind="median", look=look),
    }
    if len(result.methods) > 1:
        fraction = next(iter(result.methods.values())).groups.fraction
        figures["overlap"] = overlap_figure(
            list(result.methods), result.overlap_high, result.overlap_low, fraction=fraction, look=look
        )
        differences = result.differences()
        figures["d-am-v"] = differences_figure(differences, kind="mean", look=look)
        figures["d-am-mv"] = differences_figure(differences, kind="median", look=look)
    if rows:
        figures["faces"] = faces_figure(rows, look=look)
    return figures
