from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.errors import DependencyError, InvalidInputError
from fiqx_trt.kernels import pnet
from fiqx_trt.onnx_export.architectures.mtcnn import build_mtcnn, pnet_parameters
from reference.pnet import pnet as reference

RNG = np.random.default_rng(0)
PARAMETERS = RNG.normal(0, 0.15, 6632).astype(np.float32)  # slopes below 0 too
PICTURE = RNG.integers(0, 256, (61, 237, 3), np.uint8)


@given(st.integers(12, 45), st.integers(12, 45), st.integers(0, 10**6))
def test_agrees_with_float64(height, width, seed):
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    np.testing.assert_allclose(
        pnet(picture, PARAMETERS), reference(picture, PARAMETERS), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("width", [201, 202, 203, 204, 214, 394, 396, 410])
def test_strips_leave_no_seam(width):
    picture = RNG.integers(0, 256, (17, width, 3), np.uint8)
    np.testing.assert_allclose(
        pnet(picture, PARAMETERS), reference(picture, PARAMETERS), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("width", [32, 56])
def test_what_lies_beyond_a_row_stays_there(width):
    """A network whose values grow, on rows whose last tile is not full: nothing of it comes back in the next row."""
    picture = RNG.integers(0, 256, (400, width, 3), np.uint8)
    expected = reference(picture, 2 * PARAMETERS)
    np.testing.assert_allclose(pnet(picture, 2 * PARAMETERS), expected, atol=1e-5 * np.abs(expected).max())


def test_a_window_is_answered_alike_wherever_it_lies():
    whole = pnet(PICTURE, PARAMETERS)
    for y, x in ((0, 0), (4, 6), (10, 120), (48, 224)):
        (alone,) = pnet(PICTURE[y : y + 12, x : x + 12], PARAMETERS)
        np.testing.assert_allclose(alone[0], whole[y // 2, x // 2], atol=1e-5)


def test_the_same_picture_has_the_same_bits():
    np.testing.assert_array_equal(pnet(PICTURE, PARAMETERS), pnet(PICTURE.copy(), PARAMETERS))


def test_agrees_with_the_graph():
    """The weights that users have, run by ONNX Runtime on the same picture."""
    runtime = pytest.importorskip("onnxruntime")
    try:
        graph, parameters = build_mtcnn()["pnet"], pnet_parameters()
    except DependencyError as error:
        pytest.skip(str(error))
    session = runtime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    tensor = ((PICTURE.astype(np.float32) - 127.5) / 128).transpose(2, 0, 1)[None]
    probability, regression = session.run(["probability", "regression"], {"image": tensor})
    got = pnet(PICTURE, parameters)
    height, width = got.shape[:2]
    np.testing.assert_allclose(1 / (1 + np.exp(-got[..., 0])), probability[0, 0, :height, :width], atol=3e-5)
    np.testing.assert_allclose(got[..., 1:], regression[0].transpose(1, 2, 0)[:height, :width], atol=3e-5)


@pytest.mark.parametrize(
    ("picture", "parameters", "text"),
    [
        (PICTURE[..., 0], PARAMETERS, r"picture has shape \(61, 237\), wanted uint8 \(H, W, 3\)"),
        (
            PICTURE[:11],
            PARAMETERS,
            r"picture has shape \(11, 237, 3\), wanted at least 12 pixels high and wide",
        ),
        (PICTURE, PARAMETERS[1:], r"parameters has shape \(6631,\), wanted float32 \(6632\)"),
        (PICTURE, PARAMETERS.astype(float), "parameters has dtype float64"),
    ],
)
def test_wrong_arguments_are_named(picture, parameters, text):
    with pytest.raises(InvalidInputError, match="pnet: " + text):
        pnet(picture, parameters)


@pytest.mark.cuda
def test_arrays_of_a_device_are_refused(cuda):
    given = [cuda(array) for array in (PICTURE, PARAMETERS)]
    with pytest.raises(InvalidInputError, match="picture is on a GPU, and this runs on the CPU alone"):
        pnet(*given)
