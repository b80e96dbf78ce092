from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from fiqx_trt.faces.prepare import FaceRecord
from fiqx_trt.quality.base import Quality
from fiqx_trt.runs import Scorer


class Brightness:
    """A method that needs no model and has no number for a black face."""

    name: ClassVar[str] = "brightness"
    higher_is_better: ClassVar[bool] = True
    needs_model: ClassVar[bool] = False
    columns = ("brightness", "brightness_scaled")
    parameters: Mapping[str, object] = {"brightness.unit": "level"}

    def notes(self, model: object) -> tuple[str, ...]:
        return ()

    def score(self, model: object, faces: np.ndarray, extracted: object) -> Quality:
        mean = faces.mean(axis=(1, 2, 3))
        raw = np.where(mean > 0, mean, np.nan)
        return Quality(raw, raw / 255)


def record(path: str, level: int | None, **fields: object) -> FaceRecord:
    image = None if level is None else np.full((4, 4, 3), level, np.uint8)
    status = "ok" if level is not None else "no_face"
    return FaceRecord(path, 0, 1, status, "" if level is not None else "no face found", image, **fields)


def scored(scorer: Scorer, records: list[FaceRecord]) -> list[dict[str, object]]:
    return scorer.rows(records, scorer.measure(records))


def test_numbers_go_to_their_rows_and_to_ok_rows_only() -> None:
    scorer = Scorer(None, [Brightness()])
    rows = scored(
        scorer, [record("a", None), record("b", 51), record("c", 0), record("d", None), record("e", 102)]
    )
    assert [row["path"] for row in rows] == list("abcde")
    assert [row["status"] for row in rows] == ["no_face", "ok", "not_finite", "no_face", "ok"]
    assert [row.get("brightness") for row in rows] == [None, 51.0, None, None, 102.0]
    assert rows[1]["brightness_scaled"] == 0.2
    assert rows[2]["error"] == "brightness is not a finite number for this face"
    assert rows[0]["error"] == "no face found"
    assert [(column.name, column.kind) for column in scorer.columns] == [
        ("brightness", "float"),
        ("brightness_scaled", "float"),
    ]
    assert scorer.parameters == {"brightness.unit": "level", "brightness.higher_is_better": True}


def test_records_without_any_face() -> None:
    assert [row["status"] for row in scored(Scorer(None, [Brightness()]), [record("a", None)])] == ["no_face"]
    assert scored(Scorer(None, [Brightness()]), []) == []


def test_geometry_of_a_detected_face() -> None:
    landmarks = np.arange(10, dtype=np.float32).reshape(5, 2)
    found = record("a", 9, box=np.array([1, 2, 3, 4], np.float32), confidence=0.5, landmarks=landmarks)
    (row,) = scored(Scorer(None, [Brightness()]), [found])
    assert (row["x0"], row["y1"], row["confidence"]) == (1.0, 4.0, 0.5)
    assert (row["left_eye_x"], row["right_mouth_y"]) == (0.0, 9.0)
