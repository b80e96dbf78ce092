"""Groups of the rows of a page: by folder, by a column of the table, or by a table of identities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.identities import FOLDER, identities_of
from fiqx_trt.report.faces_data import Faces, Texts
from fiqx_trt.report.html import Table
from fiqx_trt.report.parts import decimal, percent
from fiqx_trt.runs.threshold import ACCEPT

__all__ = ["check_groups", "groups_of", "groups_table"]

#: Groups that a page names; of more, those with the lowest medians.
MOST = 50


def groups_of(faces: Faces, by: str) -> Texts:
    """Return the group of each row.

    Parameters
    ----------
    faces
        The rows.
    by
        ``"folder"``: the folder of each input; a column of the table; or a file with the columns ``path`` and ``identity``.

    Raises
    ------
    InvalidInputError
        It is none of these, or the file does not list an input.
    SourceError
        The file cannot be read.
    """
    groups = Texts()
    if by == FOLDER:
        groups.extend([path.replace("\\", "/").rpartition("/")[0].rpartition("/")[2] for path in faces.paths])
    elif by in faces.texts:
        return faces.texts[by]
    elif by in faces.numbers:
        groups.extend(["" if np.isnan(value) else f"{value:g}" for value in faces.numbers[by].tolist()])
    elif Path(by).is_file():
        groups.extend(identities_of(faces.paths, by))
    else:
        check_groups(by, [*faces.texts, *faces.numbers])
    return groups


def check_groups(by: str, columns: Sequence[str]) -> None:
    """Raise InvalidInputError where `by` is neither the folder, a column of the table nor a file."""
    if by != FOLDER and by not in columns and not Path(by).is_file():
        names = ", ".join(columns)
        raise InvalidInputError(
            f"--group-by is {by!r}; give folder, a column ({names}), or a table with the columns path and identity"
        )


def groups_table(faces: Faces, groups: Texts) -> Table:
    """Return the table of groups, the lowest median first."""
    values, codes, ok = faces.numbers[faces.rank], np.asarray(groups.codes), faces.ok
    accepted = faces.numbers.get(ACCEPT)
    medians: list[tuple[float, tuple[str, ...]]] = []
    for name, code in groups.words.items():
        own = codes == code
        if not own.any():
            continue
        scored = values[own & ok & ~np.isnan(values)]
        low, middle, high = np.quantile(scored, [0.1, 0.5, 0.9]) if len(scored) else [np.nan] * 3
        cells = [
            name or "–",
            f"{len(scored):,}",
            f"{int((own & ~ok).sum()):,}",
            *(decimal(float(v), 3) for v in (low, middle, high)),
        ]
        if accepted is not None:
            known = accepted[own & ~np.isnan(accepted)]
            cells.append(percent(float(known.mean())) if len(known) else "–")
        key = np.inf if np.isnan(middle) else float(middle if faces.higher_is_better else -middle)
        medians.append((key, tuple(cells)))
    medians.sort(key=lambda one: one[0])
    header = (
        "group",
        "faces",
        "rows without",
        "10 %",
        "median",
        "90 %",
        *(("accepted",) if accepted is not None else ()),
    )
    left = f" Named are the {MOST} worst of {len(medians):,} groups." if len(medians) > MOST else ""
    few = " Of a large table, only the rows of this page count." if len(faces) < faces.total else ""
    return Table(
        f"{faces.rank} of each group, the worst median first.",
        header,
        [cells for _, cells in medians[:MOST]],
        note=f"A median of few faces is uncertain.{left}{few}",
    )
