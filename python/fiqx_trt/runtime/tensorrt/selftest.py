"""Whether an engine computes what the graph says, asked each time one is loaded.

Engines have been reported that return wrong numbers without an error, some of them for one batch size alone
(NVIDIA/TensorRT issues 4813, 4853, 4796). A few fixed rows, run together and alone, and a reference on the CPU,
computed once and kept, find that out in a few native runs.
"""

from __future__ import annotations

import hashlib
import io
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fiqx_trt.cache import write_atomic
from fiqx_trt.errors import ParityError
from fiqx_trt.runtime import parity
from fiqx_trt.runtime.base import Array, Chunk, Feeds, Session
from fiqx_trt.runtime.graph import Graph

__all__ = ["LARGEST", "Findings", "check", "reference"]

logger = logging.getLogger(__name__)

#: The largest difference of an element, as a share of the output's largest: a cosine alone would miss a factor.
LARGEST = {"fp32": 1e-2, "fp16": 5e-2}
#: Rows of the probe that are used.
ROWS = 4


@dataclass(frozen=True)
class Findings:
    """What a self-test that passed has seen.

    Attributes
    ----------
    bitwise
        Whether equal rows gave equal bits wherever they stood, and alone.
    cosine
        The least cosine to the CPU's fp32 results.
    """

    bitwise: bool
    cosine: float


def check(session: Session, rows: Feeds, expected: Chunk) -> Findings:
    """Run a few rows in every place of a batch and alone, and compare.

    Parameters
    ----------
    session
        The engine.
    rows
        One to four rows per input.
    expected
        What the CPU makes of them in fp32, per output.

    Raises
    ------
    ParityError
        Results that are not finite, equal rows with unequal results, or results that are not the CPU's.
    """
    count = len(next(iter(rows.values())))
    order = np.arange(session.batch)
    places = np.concatenate([order % count, 0 * order, (order + 1) % count])  # three native runs
    together = session.run({name: array[places] for name, array in rows.items()})
    alone = [session.run({name: array[i : i + 1] for name, array in rows.items()}) for i in range(count)]
    bitwise, cosine = True, 1.0
    for name, want in expected.items():
        single = np.concatenate([result[name] for result in alone])
        _require_finite(session, name, together[name], single)
        bitwise &= np.array_equal(together[name], single[places])
        limit = LARGEST.get(session.precision, 0.0)
        for what, have, should in (
            ("equal rows of a batch", together[name], _first(together[name], places)),
            ("a row alone and in a batch", together[name], single[places]),
            ("TensorRT and the CPU", single, want),
        ):
            cosine = min(cosine, _require_close(session, name, what, have, should, limit))
    return Findings(bool(bitwise), cosine)


def reference(graph: Graph, rows: Feeds, folder: Path) -> Chunk:
    """Return the CPU's fp32 results for the rows, computed once per graph and kept in a folder.

    Raises
    ------
    BackendUnavailableError
        No other backend can run the graph on the CPU.
    """
    bits = hashlib.sha256(graph.digest.encode())
    for name in sorted(rows):
        bits.update(f"{name} {rows[name].shape} {rows[name].dtype}".encode() + rows[name].tobytes())
    file = folder / f"{bits.hexdigest()}.npz"
    names = [info.name for info in graph.outputs]
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as kept:
            return {name: kept[f"output{i}"] for i, name in enumerate(names)}
    except (OSError, ValueError, KeyError):
        logger.debug("no reference results in %s yet", file)
    from fiqx_trt.runtime import open_session

    # Without a probe, "auto" computes in float32 on every backend, whatever the graph is stored in.
    with open_session(graph.data, device="cpu", max_batch=1) as session:
        results = session.run(rows)
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **{f"output{i}": results[name] for i, name in enumerate(names)})
    try:
        write_atomic(file, content.getvalue())
    except OSError as error:
        logger.warning("the reference results are not kept: %s", error)
    return results


def _first(values: Array, places: Array) -> Array:
    """Return, for every row, the first result of the row that it is a copy of, in the same native run."""
    batch = len(places) // 3
    runs = np.arange(len(places)) // batch * batch
    firsts = [
        start + int(np.argmax(places[start : start + batch] == p))
        for start, p in zip(runs, places, strict=True)
    ]
    return np.asarray(values[firsts])


def _require_finite(session: Session, name: str, *arrays: Array) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise ParityError(
            f"the self-test of the TensorRT engine failed: output '{name}' holds NaN or infinite values "
            f"({session.precision}, batch {session.batch})"
        )


def _require_close(session: Session, name: str, what: str, have: Array, should: Array, limit: float) -> float:
    """Return the least cosine of two results' rows."""
    if have.shape != should.shape:
        raise ParityError(
            f"the self-test of the TensorRT engine failed: output '{name}' has shape {have.shape}, "
            f"the CPU's {should.shape}"
        )
    a, b = (np.reshape(v, (len(v), -1)).astype(np.float64) for v in (have, should))
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    equal = (a == b).all(axis=1)  # two zero rows agree, though they have no angle
    cosine = float(
        np.where(equal, 1.0, (a * b).sum(axis=1) / np.where(norms > 0, norms, 1.0)).min(initial=1.0)
    )
    largest = float(np.abs(a - b).max(initial=0.0) / max(float(np.abs(b).max(initial=0.0)), 1e-30))
    wanted = parity.MIN_COSINE[session.precision]
    if cosine < wanted or (largest > limit and not equal.all()):
        raise ParityError(
            f"the self-test of the TensorRT engine failed: {what} disagree in output '{name}': cosine "
            f"{cosine:.6f}, wanted {wanted}; largest difference {largest:.2%} of the largest value, wanted "
            f"{limit:.0%} ({session.precision}, batch {session.batch})"
        )
    return cosine
