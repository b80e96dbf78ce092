"""Every backend and precision of this machine: the law of rows, agreement, free shapes, batches."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fiqx_trt.errors import BackendUnavailableError, InferenceError, ModelError
from fiqx_trt.runtime import Session, open_session, parity
from fiqx_trt.runtime.machine import has_bf16
from runtime.small_nets import convolutional_net, head_net, images, model, residual_net

COMBINATIONS = [("openvino", "fp32"), ("onnxruntime", "fp32"), ("torch", "fp32")]
if has_bf16():
    COMBINATIONS += [("openvino", "bf16"), ("torch", "bf16")]


@pytest.fixture(params=COMBINATIONS, ids="-".join)
def opened(request: pytest.FixtureRequest) -> Callable[..., Session]:
    backend, precision = request.param
    pytest.importorskip(f"fiqx_trt.runtime.{backend}")
    sessions: list[Session] = []

    def open_one(net: onnx.ModelProto, *, max_batch: int | None = None, threads: int | None = 1) -> Session:
        session = open_session(
            net, backend=backend, precision=precision, max_batch=max_batch, threads=threads
        )
        assert (session.backend, session.precision) == (backend, precision)
        sessions.append(session)
        return session

    yield open_one
    for session in sessions:
        session.close()


def assert_law(session: Session, name: str, x: np.ndarray) -> dict[str, np.ndarray]:
    """A row's result is the same bits for any number of rows, position and neighbours."""
    whole = session.run({name: x})
    order = np.random.default_rng(0).permutation(len(x))
    mixed = session.run({name: x[order]})
    for output, value in whole.items():
        np.testing.assert_array_equal(mixed[output], value[order])
        for start, stop in ((0, 1), (1, 2), (2, 5), (1, 8), (len(x) - 1, len(x))):
            part = session.run({name: x[start:stop]})[output]
            np.testing.assert_array_equal(part, value[start:stop])
    return whole


def test_a_row_of_a_network_does_not_depend_on_the_others(opened: Callable[..., Session]) -> None:
    net, x = residual_net(), images(9)
    results = [assert_law(opened(net, max_batch=limit), "image", x) for limit in (None, 1, 4)]
    for other in results[1:]:  # the native batch is chosen for speed and must not show
        for name, value in results[0].items():
            np.testing.assert_array_equal(other[name], value)


def test_a_row_of_a_large_head_does_not_depend_on_the_others(opened: Callable[..., Session]) -> None:
    h = np.random.default_rng(2).standard_normal((9, 25088), dtype=np.float32)
    assert_law(opened(head_net()), "h", h)


def test_a_free_image_size_runs_as_given(opened: Callable[..., Session]) -> None:
    session = opened(convolutional_net())
    rng = np.random.default_rng(4)
    for rows, height, width in ((1, 24, 31), (3, 12, 12), (2, 24, 31)):
        x = rng.standard_normal((rows, 3, height, width), dtype=np.float32)
        result = assert_law(session, "image", np.concatenate([x] * 4))
        (p,) = result.values()
        assert p.shape == (4 * rows, 2, -(-height // 2), -(-width // 2))
    (none,) = session.run({"image": np.zeros((0, 3, 12, 12), np.float32)}).values()
    assert none.shape == (0, 2, 6, 6)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_static_batch_is_kept_and_any_number_of_rows_runs(
    opened: Callable[..., Session], batch: int
) -> None:
    session, free = opened(residual_net(batch=batch)), opened(residual_net())
    assert session.batch == batch
    assert session.inputs[0].shape == (None, 3, 32, 32)
    x = images(4)
    want, got = free.run({"image": x}), session.run({"image": x})
    for name, value in want.items():
        np.testing.assert_allclose(got[name], value, rtol=0, atol=0.05 if free.precision == "bf16" else 1e-4)


def test_no_rows_give_no_rows(opened: Callable[..., Session]) -> None:
    result = opened(residual_net(), max_batch=1).run({"image": images(0)})
    assert [value.shape for value in result.values()] == [(0, 64), (0, 512), (0, 32, 4, 4)]


def test_half_precision_inputs_and_outputs(opened: Callable[..., Session]) -> None:
    half = TensorProto.FLOAT16
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["f", "f"], ["g"]),
        helper.make_node("Cast", ["g"], ["y"], to=half),
    ]
    net = model(nodes, {"x": ("N", 3)}, {"y": ("N", 3)}, types={"x": half, "y": half})
    x = np.array([[1, 2, 0.5], [3, 4, 0.25]], np.float16)
    y = opened(net).run({"x": x})["y"]
    assert y.dtype == np.float16
    np.testing.assert_array_equal(y, x + x)


def test_threads_are_accepted_and_sessions_shared(opened: Callable[..., Session]) -> None:
    session = opened(residual_net(), max_batch=1, threads=2)
    x = images(6)
    want = session.run({"image": x})
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(lambda _: session.run({"image": x}), range(8)):
            for name, value in want.items():
                np.testing.assert_array_equal(got[name], value)


def test_results_belong_to_the_caller(opened: Callable[..., Session]) -> None:
    session = opened(residual_net(), max_batch=1)
    first = session.run({"image": images(1)})
    kept = {name: value.copy() for name, value in first.items()}
    session.run({"image": images(1, seed=99)})
    for name, value in kept.items():
        np.testing.assert_array_equal(first[name], value)
        assert first[name].flags.writeable


def test_backends_agree_with_onnx_runtime(opened: Callable[..., Session]) -> None:
    pytest.importorskip("onnxruntime")
    net = residual_net()
    session = opened(net)
    with open_session(net, backend="onnxruntime") as reference:
        result = parity.require(
            session, reference, {"image": images(5)}, min_cosine=parity.MIN_COSINE[session.precision]
        )
    assert result.max_abs < (0.2 if session.precision == "bf16" else 1e-4)


def test_a_graph_with_a_hidden_batch_still_runs(opened: Callable[..., Session]) -> None:
    """A Reshape to one row says "N" and means 1: only a native batch of 1 can run it."""
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [1, 12])
    nodes = [
        helper.make_node("Constant", [], ["s"], value=shape),
        helper.make_node("Reshape", ["x", "s"], ["r"]),
        helper.make_node("Relu", ["r"], ["y"]),
    ]
    x = np.random.default_rng(3).standard_normal((5, 3, 4), dtype=np.float32)
    session = opened(model(nodes, {"x": ("N", 3, 4)}, {"y": ("N", 12)}))
    assert session.batch == 1
    tolerance = 1e-2 if session.precision == "bf16" else 0
    np.testing.assert_allclose(session.run({"x": x})["y"], np.maximum(x.reshape(5, 12), 0), rtol=tolerance)


def test_a_failure_while_running_is_told(opened: Callable[..., Session]) -> None:
    """The shapes are free, and two inputs that must agree do not."""
    node = helper.make_node("Add", ["a", "b"], ["y"])
    session = opened(model([node], {"a": ("N", "P"), "b": ("N", "Q")}, {"y": ("N", None)}))
    with pytest.raises(InferenceError, match=f"{session.backend} failed"):
        session.run({"a": np.zeros((1, 3), np.float32), "b": np.zeros((1, 4), np.float32)})
    y = session.run({"a": np.ones((2, 3), np.float32), "b": np.ones((2, 3), np.float32)})["y"]
    np.testing.assert_array_equal(y, np.full((2, 3), 2))


@pytest.mark.parametrize(("backend", "told"), [("openvino", "OpenVINO"), ("onnxruntime", "ONNX Runtime")])
def test_a_graph_that_a_backend_cannot_open(backend: str, told: str) -> None:
    pytest.importorskip(f"fiqx_trt.runtime.{backend}")
    net = model([helper.make_node("NoSuchOperator", ["x"], ["y"])], {"x": ("N", 3)}, {"y": ("N", 3)})
    with pytest.raises(ModelError, match=f"{told} cannot open the given model: .*NoSuchOperator"):
        open_session(net, backend=backend)


@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_a_precision_that_is_not_offered(backend: str) -> None:
    pytest.importorskip(f"fiqx_trt.runtime.{backend}")
    with pytest.raises(BackendUnavailableError, match=r"use precision='auto'"):
        open_session(residual_net(), backend=backend, precision="fp16")
