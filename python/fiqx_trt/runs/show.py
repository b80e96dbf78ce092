"""Rows of a result as text and HTML for a person."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fiqx_trt.rows import Row
from fiqx_trt.text import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["html_page", "html_row", "number_text", "row_name", "small_jpeg"]


def row_name(row: Row) -> str:
    """Return the path of a row, with the face where there are several."""
    face = f" face {row['face']}" if int(row["faces"] or 0) > 1 else ""
    return f"{row['path']}{face}"


def number_text(value: object) -> str:
    """Return a value with four digits; empty where there is none."""
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


def html_page(lines: Sequence[str], columns: Sequence[str], rows: Sequence[str]) -> str:
    """Return lines of text above a table of faces.

    Parameters
    ----------
    lines
        Text.
    columns
        Names of the columns behind the picture and the path.
    rows
        From :func:`html_row`.
    """
    head = "".join(f"<th>{_escaped(name)}</th>" for name in ("", "path", *columns))
    paragraph = "<br>".join(map(_escaped, lines))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f"<div><p>{paragraph}</p>{table}</div>"


def html_row(row: Row, columns: Sequence[str], picture: bytes) -> str:
    """Return a row of the table of :func:`html_page`; `picture` is a JPEG file, or empty."""
    image = (
        f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(picture).decode()}">' if picture else ""
    )
    cells = "".join(f"<td>{_escaped(number_text(row.get(name)))}</td>" for name in columns)
    return f"<tr><td>{image}</td><td>{_escaped(row_name(row))}</td>{cells}</tr>"


def small_jpeg(pixels: NDArray[np.uint8], *, height: int) -> bytes:
    """Return RGB pixels ``(H, W, 3)`` as a JPEG file of a height in pixels."""
    from fiqx_trt.opencv import cv2

    size = (max(1, round(pixels.shape[1] * height / pixels.shape[0])), height)
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1])


def _escaped(text: str) -> str:
    return html.escape(printable(text))
