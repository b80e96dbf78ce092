"""Support-vector regression from a file in libsvm's text format."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import ModelError, SourceError
from fiqx_trt.files import open_regular, read_regular
from fiqx_trt.importers.base import number, read_lines
from fiqx_trt.pickle_reader import read_pickle

__all__ = ["SupportVectorRegression", "load_svr"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SupportVectorRegression:
    """A regression ``f(x) = Σ cᵢ exp(-γ ‖s(x) - vᵢ‖²) - ρ`` on features scaled to [-1, 1].

    Parameters
    ----------
    vectors
        ``(V, F)`` support vectors v.
    coefficients
        ``(V,)`` their weights c.
    gamma, rho
        Width of the kernel and offset.
    low, high
        ``(F,)`` feature values that are scaled to -1 and 1.
    sha256, ranges_sha256
        Hashes of the two files.
    """

    vectors: Array
    coefficients: Array
    gamma: float
    rho: float
    low: Array
    high: Array
    sha256: str
    ranges_sha256: str

    def predict(self, features: Array) -> Array:
        """Return the value of each row of ``(N, F)`` features; NaN where a feature is NaN."""
        scaled = 2.0 * (features - self.low) / (self.high - self.low) - 1.0
        distances = np.array([np.sum((self.vectors - row) ** 2, axis=1) for row in scaled])
        if not len(scaled):
            return np.zeros(0)
        # Row sums, not a matrix product, whose order of addition may change with the number of rows.
        return np.asarray((np.exp(-self.gamma * distances) * self.coefficients).sum(axis=1) - self.rho)


def load_svr(model: Path, ranges: Path, *, features: int) -> SupportVectorRegression:
    """Load a model and the ranges of its features.

    Parameters
    ----------
    model
        libsvm's model file (``svm_type epsilon_svr``, kernel ``rbf``).
    ranges
        The file of ``svm-scale -s`` (scaled to -1 … 1), or a pickle of ``{"min_": […], "max_": […]}``, which is read
        without unpickling.
    features
        How many features the model must have.

    Raises
    ------
    ModelError
        A file cannot be read, is no such model, or has another number of features.
    """
    try:
        vectors, coefficients, gamma, rho = _libsvm_model(model, features)
        low, high = _ranges(ranges, features)
        digests = [hashlib.sha256(read_regular(path)).hexdigest() for path in (model, ranges)]
    except SourceError as error:
        raise ModelError(str(error).replace("score file", "model file")) from error
    except OSError as error:
        raise ModelError(f"cannot read the model file {error.filename}: {error.strerror}") from error
    if not np.all(low < high):
        raise ModelError(f"{ranges}: the range of feature {int(np.argmin(low < high)) + 1} is empty")
    return SupportVectorRegression(vectors, coefficients, gamma, rho, low, high, *digests)


def _libsvm_model(path: Path, features: int) -> tuple[Array, Array, float, float]:
    header: dict[str, str] = {}
    rows: list[tuple[float, Array]] | None = None
    for line, text in read_lines(path):
        if rows is not None:
            rows.append(_libsvm_vector(path, line, text, features))
        elif text.strip() == "SV":
            rows = []
        else:
            key, _, value = text.partition(" ")
            header[key] = value.strip()
    kind = header.get("svm_type"), header.get("kernel_type")
    if kind not in (("epsilon_svr", "rbf"), ("nu_svr", "rbf")):
        raise ModelError(
            f"{path} is {kind[0]} with kernel {kind[1]}; epsilon_svr or nu_svr with rbf was expected"
        )
    gamma, rho = number(header.get("gamma", "")), number(header.get("rho", ""))
    if gamma is None or rho is None or not rows or header.get("total_sv") != str(len(rows)):
        raise ModelError(
            f"{path} has gamma {header.get('gamma')}, rho {header.get('rho')} and {len(rows or [])} "
            "support vectors of "
            f"{header.get('total_sv')}; the file is cut off or damaged"
        )
    return np.stack([vector for _, vector in rows]), np.array([weight for weight, _ in rows]), gamma, rho


def _libsvm_vector(path: Path, line: int, text: str, features: int) -> tuple[float, Array]:
    weight, *fields = text.split()
    vector = np.zeros(features)
    values = [number(weight)]
    for field in fields:
        index, _, value = field.partition(":")
        if not (index.isascii() and index.isdigit() and len(index) < 10 and 1 <= int(index) <= features):
            raise ModelError(f"{path}, line {line}: {field[:40]!r} is no feature from 1 to {features}")
        values.append(number(value))
        vector[int(index) - 1] = values[-1] if values[-1] is not None else np.nan
    if values[0] is None or not np.all(np.isfinite(vector)):
        raise ModelError(f"{path}, line {line}: a number is malformed")
    return values[0], vector


def _ranges(path: Path, features: int) -> tuple[Array, Array]:
    with open_regular(path) as file:
        pickled = file.read(1) == b"\x80"
    pair = _pickled_ranges(path) if pickled else _scale_file(path, features)
    if pair.shape != (2, features) or not np.all(np.isfinite(pair)):
        raise ModelError(f"{path} holds no finite ranges; 2 rows of {features} numbers were expected")
    return pair[0], pair[1]


def _pickled_ranges(path: Path) -> Array:
    table: Any = read_pickle(read_regular(path), name=str(path))
    bounds = [table.get(key) for key in ("min_", "max_")] if isinstance(table, dict) else []
    try:
        return np.asarray(bounds, np.float64)
    except (TypeError, ValueError):
        return np.zeros((2, 0))


def _scale_file(path: Path, features: int) -> Array:
    """Read what ``svm-scale -s`` writes: ``x``, the target range, then ``index smallest largest``."""
    lines = [(line, text.split()) for line, text in read_lines(path)]
    target = [number(field) for field in lines[1][1]] if len(lines) > 1 else []
    if not lines or lines[0][1] != ["x"] or target != [-1.0, 1.0]:
        raise ModelError(f"{path} is no file of svm-scale for -1 to 1 and no pickle")
    pair = np.full((2, features), np.nan)
    for line, fields in lines[2:]:
        index, *bounds = (number(field) for field in fields)
        if index not in range(1, features + 1) or len(bounds) != 2 or None in bounds:
            raise ModelError(
                f"{path}, line {line}: an index from 1 to {features} and two numbers were expected"
            )
        pair[:, int(index or 0) - 1] = np.array(bounds, np.float64)
    return pair
