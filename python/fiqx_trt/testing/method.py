"""What every quality method keeps: :func:`check_quality_method`."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.files import write_unsynced
from fiqx_trt.quality.base import METHODS, Quality, QualityMethod, method_parameters
from fiqx_trt.quality.options import Option, checked_values, declared_options
from fiqx_trt.testing.claims import claim, wants_error
from fiqx_trt.testing.network import SIZE, small_recogniser

if TYPE_CHECKING:
    from fiqx_trt.models.model import Model

__all__ = ["check_quality_method"]


def check_quality_method(
    method: str | Callable[..., QualityMethod],
    *,
    options: Mapping[str, object] | None = None,
    model: Model | None = None,
    faces: NDArray[np.uint8] | None = None,
) -> None:
    """Check that a quality method keeps what users of its numbers rely on.

    The number of a face depends neither on the other faces of a call nor on their order, to the last bit; a face without a
    number is NaN and changes no other; the direction is declared; options are declared, and what is out of their range is
    refused; settings can be written as JSON.

    Parameters
    ----------
    method
        Its registered name, or its class.
    options
        Options to build it with.
    model
        A recogniser; ``None`` makes a small one with random weights.
    faces
        ``(N, H, W, 3)`` uint8 RGB faces of the model's input size, at least 2; ``None`` draws some.

    Raises
    ------
    AssertionError
        What does not hold, in one line.
    """
    factory = METHODS.load(method) if isinstance(method, str) else method
    name = method if isinstance(method, str) else str(getattr(factory, "name", factory))
    subject = f"quality method {name}"
    claim(
        isinstance(getattr(factory, "higher_is_better", None), bool),
        subject,
        "its class has no bool higher_is_better",
    )
    for declared in declared_options(factory):
        _check_option(subject, factory, declared)
    built = factory(**checked_values(name, factory, options or {}))
    _check_words(subject, name, built)
    with _opened(model) as recogniser:
        drawn = _drawn_faces(recogniser) if faces is None else faces
        notes = built.notes(recogniser)
        claim(
            isinstance(notes, tuple) and all(isinstance(note, str) and "\n" not in note for note in notes),
            subject,
            "notes() is no tuple of texts of one line each",
        )
        _check_numbers(subject, built, recogniser, drawn)


@contextlib.contextmanager
def _opened(model: Model | None) -> Iterator[Model]:
    """Yield the model, or a small one."""
    if model is not None:
        yield model
        return
    from fiqx_trt.models import load_model

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.onnx"
        write_unsynced(path, small_recogniser(size=SIZE).SerializeToString())
        with load_model(path, precision="fp32", alpha=100.0, r=0.5) as opened:
            yield opened


def _drawn_faces(model: Model) -> NDArray[np.uint8]:
    """Return drawn faces, and behind them what is hard: one colour, black, white, and noise."""
    from fiqx_trt.models.probe import probe_faces

    size = model.spec.input_size
    plain = [np.full((*size, 3), level, np.uint8) for level in (128, 0, 255)]
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    return np.concatenate([probe_faces(size, count=4), np.stack([*plain, noise])])


def _check_words(subject: str, name: str, method: QualityMethod) -> None:
    """Check what a method says of itself."""
    claim(method.name == name, subject, f"is registered as {name!r} and calls itself {method.name!r}")
    claim(isinstance(method.needs_model, bool), subject, f"needs_model is {method.needs_model!r}, no bool")
    allowed = [(name, f"{name}_scaled", f"{name}_percentile", f"{name}_100")[: len(method.columns)]]
    claim(
        tuple(method.columns) in allowed, subject, f"columns is {method.columns!r}; wanted is {allowed[0]!r}"
    )
    settings = method_parameters(method)
    strange = [key for key in settings if not key.startswith((f"{name}.", f"{name}_"))]
    claim(not strange, subject, f"parameters has {strange!r}; each name begins with '{name}.'")
    try:
        json.dumps(settings, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{subject}: parameters cannot be written as JSON: {error}") from error


def _check_option(subject: str, factory: Callable[..., object], declared: Option) -> None:
    """Check an option's help, its default, and that its own class refuses what is out of range."""
    claim(declared.help.strip(), subject, f"the option {declared.name} has no help")
    try:
        declared.checked(declared.default)
    except InvalidInputError as error:
        raise AssertionError(f"{subject}: the default of an option is refused: {error}") from error
    wrong: list[object] = [] if declared.kind is str and not declared.choices else [object()]
    if declared.choices:
        wrong.append("no such choice")
    if declared.low is not None:
        wrong.append(declared.low if declared.open else declared.low - 1)
    if declared.high is not None:
        wrong.append(declared.high if declared.open else declared.high + 1)
    for value in wrong:
        given: dict[str, Any] = {declared.name: value}
        action = f"building it with {declared.name}={value!r} (call check_options(self) in __post_init__)"
        wants_error(subject, action, lambda given=given: factory(**given), InvalidInputError)  # type: ignore[misc]


def _check_numbers(subject: str, method: QualityMethod, model: Model, faces: NDArray[np.uint8]) -> None:
    """Check the numbers of faces together, alone, reversed, twice, and of none."""
    before = faces.copy()
    whole = _scored(method, model, faces)
    claim(np.array_equal(faces, before), subject, "score() changes the faces")
    _check_quality(subject, method, whole, len(faces))
    _check_equal(subject, "in a second call", _scored(method, model, faces), whole)
    backwards = _scored(method, model, np.ascontiguousarray(faces[::-1]))
    _check_equal(subject, "in another order", _reversed(backwards), whole)
    singles = [_scored(method, model, faces[i : i + 1]) for i in range(len(faces))]
    for index, single in enumerate(singles):
        _check_quality(subject, method, single, 1)
        _check_equal(subject, "alone", single, _row(whole, index))
    _check_quality(subject, method, _scored(method, model, faces[:0]), 0)


def _scored(method: QualityMethod, model: Model, faces: NDArray[np.uint8]) -> Quality:
    return method.score(model, faces, model.extract(faces) if method.needs_model else None)


def _check_quality(subject: str, method: QualityMethod, quality: Quality, count: int) -> None:
    """Check shapes, types and ranges of a result."""
    parts = {"raw": quality.raw, "scaled": quality.scaled, "percentile": quality.percentile}
    for part, values in parts.items():
        if values is None and part != "raw":
            continue
        shown = f"{getattr(values, 'dtype', type(values).__name__)} of shape {getattr(values, 'shape', None)}"
        fits = isinstance(values, np.ndarray) and values.dtype == np.float64 and values.shape == (count,)
        claim(
            fits,
            subject,
            f"Quality.{part} of {count} faces is {shown}; wanted is float64 of shape ({count},)",
        )
    claim(not np.isinf(quality.raw).any(), subject, "Quality.raw is infinite; a face without a number is NaN")
    for part, values, top in (("scaled", quality.scaled, 1.0), ("percentile", quality.percentile, 100.0)):
        if values is not None:
            known = values[~np.isnan(values)]
            claim(
                ((known >= 0) & (known <= top)).all(),
                subject,
                f"Quality.{part} leaves the range 0 to {top:g}",
            )
            columns = f"{method.name}_{part}"
            claim(columns in method.columns, subject, f"gives Quality.{part} without a column {columns}")


def _check_equal(subject: str, when: str, found: Quality, wanted: Quality) -> None:
    """Check that faces have the same numbers, bit for bit."""
    for part in ("raw", "scaled", "percentile"):
        one, other = getattr(found, part), getattr(wanted, part)
        same = (one is None) == (other is None) and (
            one is None or np.array_equal(one, other, equal_nan=True)
        )
        claim(same, subject, f"a face has another {part} quality {when}: {one} instead of {other}")


def _reversed(quality: Quality) -> Quality:
    return Quality(*(None if part is None else part[::-1] for part in _parts(quality)))  # type: ignore[arg-type]


def _row(quality: Quality, index: int) -> Quality:
    return Quality(*(None if part is None else part[index : index + 1] for part in _parts(quality)))  # type: ignore[arg-type]


def _parts(quality: Quality) -> tuple[NDArray[np.float64] | None, ...]:
    return quality.raw, quality.scaled, quality.percentile
