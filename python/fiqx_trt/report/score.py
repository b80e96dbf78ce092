"""The page of a run of ``score``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.models.validity import validity_line
from fiqx_trt.opencv import cv2
from fiqx_trt.quality.base import QualityMethod, method_parameters, scaled_column
from fiqx_trt.report.all_faces import all_faces
from fiqx_trt.report.bands import bands_table
from fiqx_trt.report.explained import SHARES, settings_facts, short_name, statuses_table
from fiqx_trt.report.faces_data import Faces, Texts, column_numbers, iter_rows, read_faces
from fiqx_trt.report.formulas import QUALITY_SAYS
from fiqx_trt.report.groups import groups_of, groups_table
from fiqx_trt.report.html import Card, Cards, Page, Section, Table
from fiqx_trt.report.parts import (
    FEW_IMAGES,
    cautions,
    closing,
    decimal,
    existing,
    model_cautions,
    model_facts,
    page_foot,
    save_page,
)
from fiqx_trt.report.reasons import FACE_PIXELS, score_reasons, take_geometry
from fiqx_trt.report.sprites import ACROSS, Sprites, write_sprites
from fiqx_trt.rows import Row
from fiqx_trt.rows.column_batches import column_batches
from fiqx_trt.rows.meta import meta_path
from fiqx_trt.runs.record import RunRecord
from fiqx_trt.runs.run_result import RunResult
from fiqx_trt.runs.threshold import ACCEPT
from fiqx_trt.runs.thumbs import FOLDER, ThumbFile

__all__ = ["ScorePage", "rank_of"]

#: Faces that the page shows without its script, in print too.
WORST = 10
READING = (
    "Below a name stands what is seen in the picture. With the default recogniser, faces that are small, tilted, dark or barely "
    "found failed 5 to 19 times as often as other faces of the same 40 people; turned faces were not measured. None of these is "
    "proven to be the cause for one face; fiqx-trt plq PICTURE shows which pixels are."
)


def rank_of(methods: Sequence[QualityMethod], columns: Sequence[str]) -> tuple[str, bool]:
    """Return the column that orders the faces, the first method's scaled quality where there is one, and its direction."""
    first = methods[0]
    scaled = scaled_column(first.name)
    return (scaled, True) if scaled in columns else (first.name, first.higher_is_better)


@dataclass(frozen=True)
class ScorePage:
    """What the page of a finished run is made of.

    Parameters
    ----------
    done
        The run.
    methods
        Its quality methods.
    faces
        The rows of its table.
    groups
        The group of each row; ``None`` for none.
    """

    done: RunResult
    methods: Sequence[QualityMethod]
    faces: Faces
    groups: Texts | None = None

    @classmethod
    def of(cls, done: RunResult, methods: Sequence[QualityMethod], group_by: str | None = None) -> ScorePage:
        """Read the table of a run; of an uncalibrated model the raw quality orders the faces.

        Raises
        ------
        SourceError
            The table, or that of the groups, cannot be read.
        InvalidInputError
            There are no such groups.
        """
        columns = done.meta.columns
        rank, higher = rank_of(methods, [column.name for column in columns])
        faces = read_faces(done.table, columns, rank=rank, higher_is_better=higher)
        if np.isnan(faces.numbers[rank]).all():
            rank, higher = methods[0].name, methods[0].higher_is_better
            faces = read_faces(done.table, columns, rank=rank, higher_is_better=higher)
        groups = None if group_by is None else groups_of(faces, group_by)
        if groups is not None:
            faces.texts["group"] = groups
        return cls(done, methods, faces, groups)

    def absent(self, thumbs: ThumbFile) -> NDArray[np.int64]:
        """Return the positions in the run of inputs with a scored face and no small picture, increasing."""
        places = thumbs.placed().find(self.faces.inputs, self.faces.faces_of_inputs())
        return np.unique(self.faces.inputs[self.faces.ok & (places[:, 0] < 0)])

    def write(self, folder: Path, thumbs: ThumbFile) -> Path:
        """Write the page and the sheets of small pictures beside it.

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        geometry = take_geometry(self.faces)
        sprites = write_sprites(thumbs, self.faces)
        spec = self.done.model.spec
        percentile = self.faces.numbers.get(f"{self.methods[0].name}_percentile")
        side = min(spec.input_size)
        reasons = score_reasons(self.faces, geometry, sprites.grey, side, percentile)
        return save_page(self._page(folder, sprites, reasons), folder)

    def _page(self, folder: Path, sprites: Sprites, reasons: tuple[Texts, Texts]) -> Page:
        done, faces, spreads, spec = self.done, self.faces, self._spreads(), self.done.model.spec
        numbers = [name for method in self.methods for name in method.columns if not name.endswith("_100")]
        first = [ACCEPT, faces.rank, *(["group"] if self.groups else [])]
        shown = [*first, *(name for name in numbers if name != faces.rank), FACE_PIXELS, "confidence"]
        labels = [c.name for c in done.meta.columns if c.kind == "str"][3:]
        tables = [
            *([_spread_table(spreads)] if spreads else []),
            *bands_table(faces, self.methods[0].name, spec),
        ]
        facts = [
            ("inputs", str(done.meta.inputs)),
            *settings_facts(done.meta.parameters),
            *model_facts(done.model),
            ("table", done.table.name),
            ("command line and times", f"in {meta_path(done.table).name}"),
        ]
        failed = statuses_table(done.meta.counts, self._failed(), ok="scored")
        return Page(
            kind="fiqx-trt score",
            title="How useful each face is to the recogniser",
            lead=self._lead(spreads),
            sections=[
                all_faces(faces, sprites, reasons, shown=[*shown, *labels], reading=READING),
                Section("In short", [failed, *tables]),
                *([] if self.groups is None else [Section("Groups", [groups_table(faces, self.groups)])]),
                *self._worst(folder, sprites, reasons[0]),
                cautions(RunRecord(), self._notes()),
                *closing(facts, existing(folder, self._files(folder))),
            ],
            foot=page_foot(explored=True),
        )

    def _files(self, folder: Path) -> list[tuple[str, str]]:
        table = self.done.table
        files = [(f"{FOLDER}/", "small pictures of the faces, 256 on a sheet, the worst first")]
        if table.parent.resolve() == folder.resolve():
            files.append((table.name, "a row per face: status, numbers, and where the face is"))
        return files

    def _spreads(self) -> dict[str, NDArray[np.float64]]:
        """Return the quantiles of :data:`SHARES` of each method's columns, over all rows of the table."""
        columns = self.done.meta.columns
        names = [
            c.name for c in columns if c.kind != "str" and any(c.name in m.columns for m in self.methods)
        ]
        if len(self.faces) == self.faces.total:
            values = {name: self.faces.numbers[name] for name in names}
        else:
            batches = list(column_batches(self.done.table, columns, names))
            values = {
                name: np.concatenate([column_numbers(b.column(name)) for b in batches]) for name in names
            }
        known = {name: one[~np.isnan(one)] for name, one in values.items()}
        return {name: np.quantile(one, list(SHARES.values())) for name, one in known.items() if len(one)}

    def _lead(self, spreads: Mapping[str, NDArray[np.float64]]) -> str:
        counts = self.done.counts
        scored, failed = counts.get("ok", 0), sum(counts.values()) - counts.get("ok", 0)
        text = f"{QUALITY_SAYS} {scored:,} {'face was' if scored == 1 else 'faces were'} scored"
        text += f"; {failed:,} {'row has' if failed == 1 else 'rows have'} none." if failed else "."
        rank = self.faces.rank
        if rank in spreads:
            middle = decimal(float(spreads[rank][list(SHARES).index("median")]), 3)
            text += f" The median of {rank} is {middle}{' of 1' if rank.endswith('_scaled') else ''}."
        return text

    def _failed(self) -> dict[str, list[Row]]:
        """Return the first rows of every status but ``ok``."""
        status = self.faces.texts["status"]
        codes = np.asarray(status.codes)
        words = {word: code for word, code in status.words.items() if word not in ("", "ok")}
        return {
            word: list(iter_rows(self.faces, np.flatnonzero(codes == code)[:3].tolist()))
            for word, code in words.items()
        }

    def _worst(self, folder: Path, sprites: Sprites, why: Texts) -> list[Section]:
        order = [i for i in self.faces.worst_first()[:WORST].tolist() if self.faces.ok[i]]
        if not order:
            return []
        images = _tiles(folder, sprites, order)
        cards = []
        for i, row, image in zip(order, iter_rows(self.faces, order), images, strict=True):
            name = short_name({**row, "face": int(row["face"] or 0)})
            title = f"{self.faces.rank} {decimal(self.faces.numbers[self.faces.rank][i], 3)}"
            size = (sprites.width, sprites.height) if image else (0, 0)
            cards.append(Card(title, (name, why[i]), image, size, f"Face of {name}." if image else ""))
        return [Section(f"The {len(cards)} worst", [Cards(cards, small=True)])]

    def _notes(self) -> list[str]:
        spec, few = self.done.model.spec, self.done.counts.get("ok", 0)
        lines = [validity_line(spec, m.name, method_parameters(m)) for m in self.methods if m.needs_model]
        return [
            *(
                [f"There are only {few} faces; a share of so few is uncertain."]
                if 0 < few < FEW_IMAGES
                else []
            ),
            "A quality says what serves this recogniser, not what a person would call a good picture. Numbers of other models or "
            "methods do not compare with these.",
            *(f"{line[0].upper()}{line[1:]}." for line in lines),
            *model_cautions(spec),
        ]


def _spread_table(spreads: Mapping[str, NDArray[np.float64]]) -> Table:
    digits = {
        name: 0 if name.endswith("_100") else 1 if name.endswith("_percentile") else 3 for name in spreads
    }
    rows = [(name, *(decimal(float(v), digits[name]) for v in values)) for name, values in spreads.items()]
    note = "Half of the faces lie below the median, a tenth below the value under 10 %."
    return Table("How the numbers are spread over the faces.", ("", *SHARES), rows, note)


def _tiles(folder: Path, sprites: Sprites, order: Sequence[int]) -> list[bytes]:
    """Return the small pictures of the worst faces, which are on the first sheet, as PNG files."""
    path = folder / FOLDER / "0000.jpg"
    sheet = (
        cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
        if sprites.count and path.exists()
        else None
    )
    images = []
    for i in order:
        tile = int(sprites.tiles[i])
        top, left = tile // ACROSS * sprites.height, tile % ACROSS * sprites.width
        part = (
            None
            if sheet is None or tile < 0
            else sheet[top : top + sprites.height, left : left + sprites.width]
        )
        images.append(b"" if part is None or not part.size else cv2.imencode(".png", part)[1].tobytes())
    return images
