from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.errors import DependencyError, InvalidInputError
from fiqx_trt.kernels import crop_net
from fiqx_trt.onnx_export.architectures.mtcnn import build_mtcnn, crop_networks
from reference.crop_net import crop_net as reference

RNG = np.random.default_rng(0)
NETWORKS = {
    "pools of three, padded and not": [
        (3, 3, 32, 3, 1),
        (3, 28, 48, 3, 0),
        (2, 48, 64, 0, 0),
        (1, 64, 16, 0, 0),
    ],
    "pools of two": [(3, 3, 16, 2, 0), (2, 16, 48, 2, 1), (3, 40, 16, 0, 0)],
    "one dense layer": [(18, 3, 48, 0, 0)],
    "one pixel": [(1, 3, 16, 0, 0), (1, 1, 80, 0, 0)],
}
SIDES = {"pools of three, padded and not": 18, "pools of two": 16, "one dense layer": 18, "one pixel": 1}


def numbers(layers):
    count = sum(out * (size * size * inputs + 2) for size, inputs, out, _, _ in layers)
    return RNG.normal(0, 0.1, count).astype(np.float32)  # slopes below 0 too


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("count", [0, 1, 6, 13])
def test_agrees_with_float64(name, count):
    layers, side = NETWORKS[name], SIDES[name]
    parameters = numbers(layers)
    crops = RNG.integers(0, 256, (count, side, side, 3), np.uint8)
    got = crop_net(crops, np.array(layers), parameters)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, reference(crops, layers, parameters), rtol=1e-5, atol=1e-5)


def test_a_crop_alone_has_the_bits_it_has_among_others():
    layers = NETWORKS["pools of three, padded and not"]
    crops, parameters = RNG.integers(0, 256, (8, 18, 18, 3), np.uint8), numbers(layers)
    whole = crop_net(crops, np.array(layers), parameters)
    for k in (0, 5, 7):
        np.testing.assert_array_equal(crop_net(crops[k : k + 1], np.array(layers), parameters)[0], whole[k])


@pytest.mark.parametrize(("name", "side"), [("rnet", 24), ("onet", 48)])
def test_agrees_with_the_graph(name, side):
    """The weights that users have, run by ONNX Runtime on the same crops."""
    runtime = pytest.importorskip("onnxruntime")
    try:
        graph, network = build_mtcnn()[name], crop_networks()[name]
    except DependencyError as error:
        pytest.skip(str(error))
    session = runtime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    crops = RNG.integers(0, 256, (9, side, side, 3), np.uint8)
    tensor = ((crops.astype(np.float32) - 127.5) / 128).transpose(0, 3, 1, 2)
    answers = crop_net(crops, network.layers, network.parameters)
    names = [output.name for output in session.get_outputs()]
    assert len(names) == len(network.columns)
    for key, expected in zip(names, session.run(names, {"image": tensor}), strict=True):
        logit = key == "probability"
        got = answers[:, network.columns["logit" if logit else key]]
        np.testing.assert_allclose(1 / (1 + np.exp(-got)) if logit else got, expected, atol=1e-5)


CROPS, LAYERS = np.zeros((1, 4, 4, 3), np.uint8), np.array([[3, 3, 16, 2, 0]])
PARAMETERS = np.zeros(16 * 29, np.float32)


@pytest.mark.parametrize(
    ("crops", "layers", "parameters", "text"),
    [
        (CROPS[0], LAYERS, PARAMETERS, r"crops has shape \(4, 4, 3\), wanted uint8 \(K, S, S, 3\)"),
        (CROPS[:, 1:], LAYERS, PARAMETERS, r"crops has shape \(1, 3, 4, 3\), wanted squares"),
        (CROPS, LAYERS[:0], PARAMETERS, "layers is empty, wanted a row or more"),
        (CROPS, LAYERS.astype(float), PARAMETERS, "layers has dtype float64"),
        (
            CROPS,
            [[5, 3, 16, 0, 0]],
            PARAMETERS,
            "row 0 of layers has a kernel of 5, wanted 1 … 4, the side of its input",
        ),
        (CROPS, [[3, 4, 16, 2, 0]], PARAMETERS, "row 0 of layers reads 4 channels, wanted 1 … 3"),
        (
            CROPS,
            [[3, 3, 17, 2, 0]],
            PARAMETERS,
            "row 0 of layers makes 17 channels, wanted a multiple of 16 up to 4096",
        ),
        (
            CROPS,
            [[3, 3, 16, 3, 0]],
            PARAMETERS,
            "row 0 of layers has pool 3 and end 0, wanted pool 0, or 2 … 2 and end",
        ),
        (CROPS, [[3, 3, 16, 2, 2]], PARAMETERS, "row 0 of layers has pool 2 and end 2"),
        (CROPS, [[3, 3, 16, 0, 0]], PARAMETERS, "the layers leave 2 pixels a side, wanted 1"),
        (CROPS, LAYERS, PARAMETERS[1:], "parameters has 463 numbers, wanted 464, those of the layers"),
    ],
)
def test_wrong_arguments_are_named(crops, layers, parameters, text):
    with pytest.raises(InvalidInputError, match="crop_net: " + text):
        crop_net(crops, np.asarray(layers), parameters)


@pytest.mark.cuda
def test_arrays_of_a_device_are_refused(cuda):
    given = [cuda(array) for array in (CROPS, LAYERS, PARAMETERS)]
    with pytest.raises(InvalidInputError, match="crops is on a GPU, and this runs on the CPU alone"):
        crop_net(*given)
