"""What every inference backend keeps: :func:`check_backend`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from fiqx_trt.errors import BackendError, BackendUnavailableError, InferenceError, ModelError
from fiqx_trt.runtime import available_backends, open_session, parity
from fiqx_trt.runtime.base import Array, Feeds, Session
from fiqx_trt.runtime.graph import read_graph
from fiqx_trt.testing.claims import claim, wants_error
from fiqx_trt.testing.network import SIZE, small_recogniser

if TYPE_CHECKING:
    import onnx

__all__ = ["check_backend"]

#: What a backend is compared with: the first of these that works here.
REFERENCES = ("onnxruntime", "openvino", "torch")


def check_backend(name: str, *, model: onnx.ModelProto | None = None, device: str = "cpu") -> None:
    """Check that a backend computes what others compute, and that a row's result depends on that row alone.

    Parameters
    ----------
    name
        Its registered name.
    model
        A network with one float32 picture as its input; ``None`` makes a small recogniser.
    device
        ``"cpu"``, ``"cuda"`` or ``"cuda:1"`` …

    Raises
    ------
    AssertionError
        What does not hold, in one line.
    BackendUnavailableError
        The backend cannot run on the device, or no other backend is here to compare it with.
    """
    subject = f"backend {name}"
    proto = small_recogniser() if model is None else model
    feeds = _feeds(proto, 7)
    with open_session(proto, backend=name, device=device) as session:
        _check_words(subject, name, session, proto)
        with _reference(name, proto) as reference:
            agreement = parity.compare(session, reference, feeds)
            least = parity.MIN_COSINE[session.precision]
            close = agreement.finite and agreement.cosine_min >= least
            claim(
                close,
                subject,
                f"disagrees with {reference.backend}: {agreement}; wanted is a cosine of {least}",
            )
        _check_rows(subject, session, feeds)
    wants_error(subject, "run() of a closed session", lambda: session.run(feeds), InferenceError)
    session.close()
    with open_session(proto, backend=name, device=device, max_batch=2) as small:
        claim(small.batch <= 2, subject, f"runs {small.batch} rows at once with max_batch=2")
    unknown = _unknown_operator()
    opening = lambda: open_session(unknown, backend=name, device=device).run(_feeds(unknown, 1))  # noqa: E731
    wants_error(subject, "a graph with an unknown operator", opening, ModelError, BackendError)


def _feeds(proto: onnx.ModelProto, rows: int) -> dict[str, Array]:
    """Return random rows for a network, sizes that are free taken as 32."""
    rng = np.random.default_rng(0)
    return {
        info.name: rng.standard_normal((rows, *(size or SIZE for size in info.shape[1:]))).astype(info.dtype)
        for info in read_graph(proto).inputs
    }


def _reference(name: str, proto: onnx.ModelProto) -> Session:
    """Open the network on another backend, in float32."""
    here = {one for one, ready, _ in available_backends() if ready and one != name}
    chosen = next((one for one in REFERENCES if one in here), None)
    if chosen is None:
        raise BackendUnavailableError(
            f"no other backend is here to compare {name} with; install one of {', '.join(REFERENCES)}"
        )
    return open_session(
        proto, backend=chosen, device="cpu", precision="fp32" if chosen != "onnxruntime" else "auto"
    )


def _check_words(subject: str, name: str, session: Session, proto: onnx.ModelProto) -> None:
    """Check what a session says of itself."""
    graph = read_graph(proto)
    claim(isinstance(session, Session), subject, "open_graph() returns no fiqx_trt.runtime.Session")
    claim(session.backend == name, subject, f"its session calls itself {session.backend!r}")
    known = session.precision in parity.MIN_COSINE
    claim(
        known,
        subject,
        f"its precision is {session.precision!r}; wanted is one of {', '.join(parity.MIN_COSINE)}",
    )
    claim(
        session.inputs == graph.inputs,
        subject,
        f"its inputs are {session.inputs}, the graph's {graph.inputs}",
    )
    names = [info.name for info in session.outputs]
    wanted = [info.name for info in graph.outputs]
    claim(names == wanted, subject, f"its outputs are {names}, the graph's {wanted}")
    claim(session.batch >= 1, subject, f"its batch is {session.batch}")


def _check_rows(subject: str, session: Session, feeds: Feeds) -> None:
    """Check that rows have the same results together, alone, reversed and in threads, and that results stay."""
    kept = session.run(feeds)
    native = session.run({name: values[: session.batch] for name, values in feeds.items()})  # one native run
    backwards = session.run({name: np.ascontiguousarray(values[::-1]) for name, values in feeds.items()})
    for name, values in backwards.items():
        claim(np.array_equal(values[::-1], kept[name]), subject, "a row has another result in another order")
    for index in range(len(next(iter(feeds.values())))):
        single = session.run({name: values[index : index + 1] for name, values in feeds.items()})
        same = all(np.array_equal(single[name][0], kept[name][index]) for name in kept)
        claim(same, subject, "a row has another result alone than among others")
    for name, values in session.run({name: values[:0] for name, values in feeds.items()}).items():
        claim(
            values.shape == (0, *kept[name].shape[1:]),
            subject,
            f"a run of no rows gives the shape {values.shape}",
        )
    with ThreadPoolExecutor(2) as pool:
        for result in pool.map(session.run, [feeds, feeds]):
            same = all(np.array_equal(result[name], kept[name]) for name in kept)
            claim(same, subject, "a row has another result when two threads run")
    unchanged = all(np.array_equal(native[name], kept[name][: session.batch]) for name in kept)
    claim(unchanged, subject, "a result changes when the session runs again: return arrays of its own")


def _unknown_operator() -> onnx.ModelProto:
    from onnx import TensorProto, helper

    row = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("NoSuchOperator", ["x"], ["y"])], "unknown", row[:1], row[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
