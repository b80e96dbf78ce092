"""Test the results of an engine each time one is loaded.

Engines have been reported that return wrong numbers without an error, some of them for one batch size only
(NVIDIA/TensorRT issues 4813, 4853, 4796). A few native runs of fixed rows, together and alone, and a cached reference of
the CPU detect that.
"""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fiqx_trt.errors import ParityError
from fiqx_trt.files import npz_bytes
from fiqx_trt.runtime import parity, tuning
from fiqx_trt.runtime.base import Array, Chunk, Feeds, Session
from fiqx_trt.runtime.graph import Graph
from fiqx_trt.runtime.invariance import agree, row_tolerance
from fiqx_trt.runtime.tensorrt.cache import EngineCache

__all__ = ["LARGEST", "Findings", "Reference", "check", "reference"]

logger = logging.getLogger(__name__)

#: The largest difference of an element, as a share of the output's largest: a cosine alone would miss a factor.
LARGEST = {"fp32": 1e-2, "fp16": 5e-2}
#: Rows of the probe that are used.
ROWS = 4
#: For outputs that jump, as a gradient does where a rectifier's input crosses zero: the least cosine and the largest
#: difference. Two correct fp32 runtimes on one CPU differ by 1 - cosine = 2e-5 and 1.4 % of the largest value there
#: (dlib's network, probe faces).
JUMPING = {"fp32": (0.999, 0.25), "fp16": (0.95, 1.0)}
#: Operators whose results jump.
_JUMPS = frozenset(
    ["ArgMax", "ArgMin", "Ceil", "Equal", "Floor", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Round",
     "Sign"]
)  # fmt: skip


@dataclass(frozen=True)
class Findings:
    """Result of a passed self-test.

    Attributes
    ----------
    same
        Whether equal rows gave equal bits at every position, and alone, or differ by no more than is accepted.
    cosine
        The smallest cosine to the CPU's fp32 results.
    """

    same: bool
    cosine: float


@dataclass(frozen=True)
class Reference:
    """The CPU's fp32 results of the rows, per output, and the discontinuous outputs."""

    results: Chunk
    jumping: frozenset[str]


def check(session: Session, rows: Feeds, expected: Reference) -> Findings:
    """Run one to four rows at every position of a batch and alone, and compare.

    Raises
    ------
    ParityError
        Results that are not finite, equal rows with unequal results, or results that differ from the CPU's.
    """
    count = len(next(iter(rows.values())))
    order = np.arange(session.batch)
    row_of = np.concatenate([order % count, 0 * order, (order + 1) % count])  # three native runs
    together = session.run({name: array[row_of] for name, array in rows.items()})
    alone = [session.run({name: array[i : i + 1] for name, array in rows.items()}) for i in range(count)]
    same, cosine = True, 1.0
    usual = (parity.MIN_COSINE[session.precision], LARGEST.get(session.precision, 0.0))
    for name, want in expected.results.items():
        single = np.concatenate([result[name] for result in alone])
        _require_finite(session, name, together[name], single)
        same &= agree(together[name], single[row_of], row_tolerance())
        limits = JUMPING[session.precision] if name in expected.jumping else usual
        for what, have, should, wanted in (
            ("equal rows of a batch", together[name], _first(together[name], row_of), usual),
            ("a row alone and in a batch", together[name], single[row_of], usual),
            ("TensorRT and the CPU", single, want, limits),
        ):
            cosine = min(
                cosine, _require_close(session, f"{what} disagree in output '{name}'", have, should, wanted)
            )
    return Findings(same, cosine)


def reference(graph: Graph, rows: Feeds, cache: EngineCache) -> Reference:
    """Return the CPU's fp32 results for the rows, computed once per graph and cached.

    Raises
    ------
    BackendUnavailableError
        No other backend can run the graph on the CPU.
    """
    names = [info.name for info in graph.outputs]
    key = hashlib.sha256(f"{graph.digest} {tuning.feeds_digest(rows)}".encode()).hexdigest()
    content = cache.results(key, lambda: _reference_file(graph, rows, names))
    with np.load(io.BytesIO(content), allow_pickle=False) as kept:
        results = {name: kept[f"output{i}"] for i, name in enumerate(names)}
        jumping = frozenset(n for n, jumps in zip(names, kept["jumping"], strict=True) if jumps)
    return Reference(results, jumping)


def _reference_file(graph: Graph, rows: Feeds, names: Sequence[str]) -> bytes:
    from fiqx_trt.runtime import open_session

    # Without a probe, "auto" computes in float32 on every backend, whatever the graph is stored in.
    # One row on one thread leaves nothing to be measured first.
    with open_session(graph.data, device="cpu", max_batch=1, threads=1) as session:
        results = session.run(rows)
    jumping = _jumping(graph)
    arrays: Chunk = {f"output{i}": results[name] for i, name in enumerate(names)}
    return npz_bytes({"jumping": np.array([name in jumping for name in names]), **arrays})


def _jumping(graph: Graph) -> frozenset[str]:
    """Return the names of the outputs that depend on a comparison."""
    import onnx

    discontinuous: set[str] = set()
    for node in onnx.load_model_from_string(graph.data).graph.node:
        if node.op_type in _JUMPS or not discontinuous.isdisjoint(node.input):
            discontinuous.update(node.output)
    return frozenset(discontinuous & {info.name for info in graph.outputs})


def _first(values: Array, row_of: Array) -> Array:
    """Return, for every row, the result of its first copy in the same native run."""
    batch = len(row_of) // 3
    runs = np.arange(len(row_of)) // batch * batch
    firsts = [
        start + int(np.argmax(row_of[start : start + batch] == p))
        for start, p in zip(runs, row_of, strict=True)
    ]
    return np.asarray(values[firsts])


def _require_finite(session: Session, name: str, *arrays: Array) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise ParityError(
            f"the self-test of the TensorRT engine failed: output '{name}' holds NaN or infinite values "
            f"({session.precision}, batch {session.batch})"
        )


def _require_close(
    session: Session, what: str, have: Array, should: Array, limits: tuple[float, float]
) -> float:
    """Return the smallest cosine of two results' rows; raise ParityError where they differ too much."""
    if have.shape != should.shape:
        raise ParityError(
            f"the self-test of the TensorRT engine failed: {what}: shapes {have.shape} and {should.shape}"
        )
    a, b = parity.float_rows(have), parity.float_rows(should)
    cosine = parity.least_cosine(a, b)
    largest = float(np.abs(a - b).max(initial=0.0) / max(float(np.abs(b).max(initial=0.0)), 1e-30))
    wanted, limit = limits
    if cosine < wanted or (largest > limit):
        raise ParityError(
            f"the self-test of the TensorRT engine failed: {what}: cosine {cosine:.6f}, wanted {wanted}; largest "
            f"difference {largest:.2%} of the largest value, wanted {limit:.0%} ({session.precision}, "
            f"batch {session.batch})"
        )
    return cosine
