"""Each conformance check finds what it is there for: one thing is wrong at a time, and the line names it."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from fiqx_trt.errors import InvalidInputError, SourceError
from fiqx_trt.faces.detect import Detections, check_confidence, check_image
from fiqx_trt.importers import Collector, ImportedScores, number, read_lines
from fiqx_trt.quality import Quality, check_options, option
from fiqx_trt.runtime import open_session
from fiqx_trt.testing import check_backend, check_detector, check_importer, check_quality_method
from support.distributions import install


@dataclass(frozen=True)
class Mean:
    """A sound method: the mean level over a share of the rows."""

    name: ClassVar[str] = "mean"
    higher_is_better: ClassVar[bool] = True
    needs_model: ClassVar[bool] = False
    columns: ClassVar[tuple[str, ...]] = ("mean", "mean_scaled")
    parameters: ClassVar[dict[str, object]] = {}

    share: float = option(1.0, help="Share of the rows.", low=0, high=1)

    def __post_init__(self) -> None:
        check_options(self)

    def notes(self, model: object) -> tuple[str, ...]:
        return ()

    def score(self, model: object, faces: np.ndarray, extracted: object) -> Quality:
        raw = np.array([self.of(face) for face in faces], np.float64).reshape(len(faces))
        return Quality(raw, raw / 255)

    def of(self, face: np.ndarray) -> float:
        return float(face.mean())


def score_wrongly(change: Callable[[np.ndarray, Quality], Quality | None]) -> dict[str, object]:
    def score(self: Mean, model: object, faces: np.ndarray, extracted: object) -> Quality:
        quality = Mean.score(self, model, faces, extracted)
        return change(faces, quality) or quality

    return {"score": score}


def blacken(faces: np.ndarray, quality: Quality) -> None:
    faces[:] = 0


CALLS = itertools.count()
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"name": "other"}, "columns is ('mean', 'mean_scaled'); wanted is ('other', 'other_scaled')"),
    ({"higher_is_better": property(lambda self: True)}, "its class has no bool higher_is_better"),
    ({"needs_model": 1}, "needs_model is 1, no bool"),
    ({"columns": ("mean", "mean_other")}, "columns is ('mean', 'mean_other')"),
    ({"columns": ("mean",)}, "gives Quality.scaled without a column mean_scaled"),
    ({"parameters": {"size": 3}}, "parameters has ['size']; each name begins with 'mean.'"),
    ({"parameters": {"mean.kernel": np.ones(3)}}, "parameters cannot be written as JSON"),
    ({"notes": lambda self, model: "a text"}, "notes() is no tuple of texts"),
    ({"__post_init__": lambda self: None}, "building it with share="),
    (score_wrongly(blacken), "score() changes the faces"),
    (
        score_wrongly(lambda faces, q: Quality(q.raw[:, None])),
        "Quality.raw of 8 faces is float64 of shape (8, 1)",
    ),
    (score_wrongly(lambda faces, q: Quality(q.raw.astype(np.float32))), "Quality.raw of 8 faces is float32"),
    (score_wrongly(lambda faces, q: Quality(q.raw / np.zeros(1))), "Quality.raw is infinite"),
    (score_wrongly(lambda faces, q: Quality(q.raw, q.raw)), "Quality.scaled leaves the range 0 to 1"),
    (
        score_wrongly(lambda faces, q: Quality(q.raw + next(CALLS))),
        "has another raw quality in a second call",
    ),
    (
        score_wrongly(lambda faces, q: Quality(q.raw - np.arange(len(q.raw)))),
        "another raw quality in another order",
    ),
    (score_wrongly(lambda faces, q: Quality(q.raw - q.raw.sum())), "a face has another raw quality"),
    (
        score_wrongly(lambda faces, q: Quality(q.raw - (q.raw.max() if len(q.raw) else 0))),
        "another raw quality alone",
    ),
    (
        score_wrongly(lambda faces, q: Quality(q.raw, None if len(q.raw) == 1 else q.scaled)),
        "a face has another scaled quality alone",
    ),
]


def test_a_sound_method_passes() -> None:
    check_quality_method(Mean)
    check_quality_method(Mean, options={"share": 0.5})
    nowhere = {"of": lambda self, face: float("nan") if face.std() == 0 else float(face.mean())}
    check_quality_method(dataclass(frozen=True)(type("Nan", (Mean,), nowhere)))


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize(("change", "message"), FAULTS, ids=[message for _, message in FAULTS])
def test_a_method_with_one_fault(change: dict[str, Any], message: str) -> None:
    faulty = dataclass(frozen=True)(type("Faulty", (Mean,), change))
    with pytest.raises(AssertionError, match=f"^quality method .*: .*{re.escape(message)}"):
        check_quality_method(faulty)


def test_an_option_without_help_or_with_a_default_out_of_range() -> None:
    blank = dataclass(frozen=True)(
        type("Blank", (Mean,), {"__annotations__": {"more": int}, "more": option(1, help=" ")})
    )
    with pytest.raises(AssertionError, match="the option more has no help"):
        check_quality_method(blank)
    beyond = dataclass(frozen=True)(
        type("Beyond", (Mean,), {"__annotations__": {"more": int}, "more": option(1, help="More.", low=2)})
    )
    with pytest.raises(
        AssertionError, match="the default of an option is refused: more is 1; give an integer of at"
    ):
        check_quality_method(beyond)


class Middle:
    """A sound detector: one box in the middle of pictures that are large enough."""

    def __init__(
        self, *, backend: str, threads: int | None, min_face: float | None, confidence: float | None
    ) -> None:
        check_confidence(confidence)
        if min_face is not None and min_face < 0:
            raise InvalidInputError(f"min_face={min_face}; give 0 or more")
        self.least = confidence or 0.0

    def detect(self, image: np.ndarray) -> Detections:
        check_image(image)
        height, width = image.shape[:2]
        if min(height, width) < 20 or self.least > 0.5:
            return Detections.none()
        box = np.array([[width / 4, height / 4, 3 * width / 4, 3 * height / 4]], np.float32)
        return self.changed(Detections(box, np.array([0.5], np.float32), np.ones((1, 5, 2), np.float32)))

    def changed(self, found: Detections) -> Detections:
        return found

    def close(self) -> None:
        pass


def two(found: Detections) -> Detections:
    sure = np.array([0.4, 0.5], np.float32)
    return Detections(found.boxes.repeat(2, 0), sure, found.landmarks.repeat(2, 0))


DETECTOR_FAULTS: list[tuple[dict[str, Any], str]] = [
    (
        {"changed": lambda self, found: replace(found, boxes=found.boxes * 2)},
        "a box leaves the picture in a picture of",
    ),
    ({"changed": lambda self, found: replace(found, boxes=found.boxes[:, ::-1].copy())}, "a box is empty"),
    (
        {"changed": lambda self, found: replace(found, boxes=found.boxes.astype(np.float64))},
        "boxes in a picture of 240x320",
    ),
    ({"changed": lambda self, found: replace(found, landmarks=found.landmarks * np.nan)}, "is not finite"),
    (
        {"changed": lambda self, found: replace(found, confidence=found.confidence * 3)},
        "a confidence is not between",
    ),
    ({"changed": lambda self, found: two(found)}, "the surest face does not come first"),
    ({"changed": lambda self, found: found.boxes}, "detect() returns ndarray, no Detections"),
    (
        {"changed": lambda self, found: replace(found, boxes=found.boxes / (1 + next(CALLS)))},
        "finds other faces in the same picture when four threads search",
    ),
    ({"detect": lambda self, image: image.fill(0) or Detections.none()}, "detect() changes the picture"),
    ({"detect": lambda self, image: Detections.none()}, "a picture of float64 raises no InvalidInputError"),
]


def test_a_sound_detector_passes() -> None:
    check_detector(Middle)


@pytest.mark.parametrize(
    ("change", "message"), DETECTOR_FAULTS, ids=[message for _, message in DETECTOR_FAULTS]
)
def test_a_detector_with_one_fault(change: dict[str, Any], message: str) -> None:
    with pytest.raises(AssertionError, match=f"^detector Faulty: .*{re.escape(message)}"):
        check_detector(type("Faulty", (Middle,), change))


def test_a_detector_that_takes_any_confidence_or_ignores_it() -> None:
    class Careless(Middle):
        def __init__(self, **options: Any) -> None:
            self.least = 0.0

    with pytest.raises(AssertionError, match=r"confidence=0\.0 raises no InvalidInputError"):
        check_detector(Careless)

    class Deaf(Middle):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.least = 0.0

    with pytest.raises(AssertionError, match=r"finds less sure faces than confidence=0\.999"):
        check_detector(Deaf)


BACKEND = """
import numpy as np
from fiqx_trt.runtime import parity
from fiqx_trt.runtime.onnxruntime import OnnxRuntimeSession

FAULT = {fault!r}

def unavailable(device):
    return None

class Faulty(OnnxRuntimeSession):
    kept = None

    def _run(self, chunks):
        results = super()._run(chunks)
        if FAULT == "other numbers":
            results = [{{k: v + np.float32(1) for k, v in r.items()}} for r in results]
        if FAULT == "neighbours":
            results = [{{k: v + np.float32(1e-4) * v.mean() for k, v in r.items()}} for r in results]
        if FAULT == "same memory" and len(chunks) == 1:
            for name, values in results[0].items():
                if self.kept is None:
                    self.kept = values.copy()
                self.kept[...] = values
                results[0][name] = self.kept
        return results

def open_graph(graph, options):
    if FAULT == "crash" and b"NoSuchOperator" in graph.data:
        raise KeyError("NoSuchOperator")
    batch = 4 if FAULT == "batch" else 2
    session = Faulty(graph, batch=batch)
    session.backend = "onnxruntime" if FAULT == "name" else "faulty"
    session.precision = "int8" if FAULT == "precision" else session.precision
    return session
"""


@pytest.fixture
def faulty_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    pytest.importorskip("onnxruntime")

    def add(fault: str) -> None:
        points = {"fiqx_trt.backends": {"faulty": "faulty_backend"}}
        install(tmp_path / "site", "faulty", "1", points, {"faulty_backend": BACKEND.format(fault=fault)})
        monkeypatch.syspath_prepend(str(tmp_path / "site"))

    sys.modules.pop("faulty_backend", None)
    yield add
    sys.modules.pop("faulty_backend", None)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("other numbers", "disagrees with "),
        ("neighbours", "a row has another result"),
        ("same memory", "a result changes when the session runs again"),
        ("batch", "runs 4 rows at once with max_batch=2"),
        ("name", "its session calls itself 'onnxruntime'"),
        ("precision", "its precision is 'int8'; wanted is one of fp32"),
        ("crash", "raises PluginError, not ModelError or BackendError: .*it raised KeyError"),
    ],
)
def test_a_backend_with_one_fault(faulty_backend: Callable[[str], None], fault: str, message: str) -> None:
    faulty_backend(fault)
    with pytest.raises(AssertionError, match=f"^backend faulty: .*({message})"):
        check_backend("faulty")


def test_a_sound_backend_passes(faulty_backend: Callable[[str], None]) -> None:
    faulty_backend("none")
    check_backend("faulty")


def read_sound(path: Path) -> ImportedScores:
    """Read lines of a path, a tab and a number."""
    rows = Collector(path)
    for line, text in read_lines(path):
        name, _, digits = text.partition("\t")
        value = number(digits)
        if value is None:
            raise rows.error(line, f"{digits!r} is no number")
        rows.add(line, name, {"score": value})
    return rows.result({"score": True})


def read_carelessly(path: Path) -> ImportedScores:
    lines = [text.split("\t") for text in path.read_text(encoding="utf-8").splitlines()]
    return ImportedScores({name: {"score": float(digits)} for name, digits in lines}, {"score": True})


def read_lazily(path: Path) -> ImportedScores:
    try:
        return read_carelessly(path)
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read {path}: {' '.join(str(error).split())}") from error


@pytest.mark.parametrize(
    ("reader", "message"),
    [
        (read_carelessly, "a file that does not exist raises FileNotFoundError, not SourceError"),
        (read_lazily, "an empty file raises no SourceError"),
        (
            lambda path: replace(read_sound(path), higher_is_better={"score": True, "other": None}),
            "the row of 'a.jpg' has the columns ['score'], not ['score', 'other']",
        ),
        (lambda path: replace(read_sound(path), rows={}), "gives no rows"),
        (
            lambda path: replace(read_sound(path), rows={"a.jpg": {"score": 1}}),
            "the row of 'a.jpg' holds something else than finite floats and NaN",
        ),
        (lambda path: read_sound(path).rows, "returns dict, no ImportedScores"),
    ],
)
def test_an_importer_with_one_fault(
    reader: Callable[[Path], ImportedScores], message: str, tmp_path: Path
) -> None:
    (tmp_path / "scores.txt").write_text(
        "".join(f"{name}.jpg\t0.{i}\n" for i, name in enumerate("abcdefgh", 1))
    )
    check_importer(read_sound, tmp_path / "scores.txt")
    with pytest.raises(AssertionError, match=re.escape(message)):
        check_importer(reader, tmp_path / "scores.txt")


def test_a_graph_of_the_checks_runs_everywhere() -> None:
    from fiqx_trt.testing import small_recogniser

    with open_session(small_recogniser(), device="cpu", max_batch=1) as session:
        assert [str(info) for info in session.outputs] == ["embedding: float32 (N, 24)"]
