"""TensorFlow Lite networks as ONNX: OpenVINO runs the original file, ONNX Runtime the converted one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.half import to_half
from fiqx_trt.onnx_export.graphs.reading import read_model
from fiqx_trt.onnx_export.graphs.split import dynamic_batch
from fiqx_trt.onnx_export.graphs.tflite import is_tflite, read_tflite
from reference.onnx_graphs import normal, operators, run
from support.tflite_files import File

SAME, VALID = 0, 1
RELU, RELU6, TANH = 1, 3, 4


def original(data: bytes, picture: np.ndarray, folder: Path) -> np.ndarray:
    """What OpenVINO computes from the file itself, channels last."""
    path = folder / "original.tflite"
    path.write_bytes(data)
    compiled = ov.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled(picture)[0])


def converted(data: bytes, picture: np.ndarray) -> np.ndarray:
    """What ONNX Runtime computes from the converted network, turned to channels last."""
    model = dynamic_batch(read_tflite(data))
    name = model.graph.input[0].name
    (found,) = run(model, {name: np.ascontiguousarray(picture.transpose(0, 3, 1, 2))}).values()
    return found.transpose(0, 2, 3, 1) if found.ndim == 4 else found


def conv(
    file: File, source: int, *shape: int, kernel: tuple[int, ...], seed: int = 1, **options: float
) -> int:
    weight, bias = (
        file.constant(normal(*kernel, seed=seed) * 0.3),
        file.constant(normal(kernel[0], seed=seed + 50)),
    )
    given = {
        "Padding": SAME,
        "StrideH": 1,
        "StrideW": 1,
        "DilationHFactor": 1,
        "DilationWFactor": 1,
        **options,
    }
    return file.operator("CONV_2D", [source, weight, bias], *shape, **given)


def depthwise(file: File, source: int, *shape: int, kernel: tuple[int, ...], **options: float) -> int:
    weight, bias = file.constant(normal(*kernel, seed=3) * 0.3), file.constant(normal(kernel[3], seed=53))
    given = {"Padding": SAME, "StrideH": 1, "StrideW": 1, "DepthMultiplier": 1, "DilationHFactor": 1,
             "DilationWFactor": 1, **options}  # fmt: skip
    return file.operator("DEPTHWISE_CONV_2D", [source, weight, bias], *shape, **given)


def picture_file(height: int = 9, width: int = 12, batch: int = 2) -> File:
    file = File()
    file.tensor("picture", batch, height, width, 3)
    return file


def stride_two(f: File) -> None:
    """Even and odd extents: SAME padding is more at the bottom and right."""
    x = conv(f, 0, 2, 5, 6, 4, kernel=(4, 3, 3, 3), StrideH=2, StrideW=2)
    conv(f, x, 2, 3, 2, 5, kernel=(5, 4, 2, 4), StrideH=2, StrideW=3, seed=2)


def dilated(f: File) -> None:
    conv(f, 0, 2, 9, 12, 4, kernel=(4, 3, 3, 3), DilationHFactor=2, DilationWFactor=3)


def valid_fused(f: File) -> None:
    x = conv(f, 0, 2, 7, 10, 4, kernel=(4, 3, 3, 3), Padding=VALID, FusedActivationFunction=RELU)
    x = conv(f, x, 2, 7, 10, 3, kernel=(3, 1, 1, 4), FusedActivationFunction=RELU6, seed=5)
    conv(f, x, 2, 7, 10, 3, kernel=(3, 1, 1, 3), FusedActivationFunction=TANH, seed=6)


def depthwise_multiplier(f: File) -> None:
    x = depthwise(f, 0, 2, 5, 6, 6, kernel=(1, 3, 3, 6), StrideH=2, StrideW=2, DepthMultiplier=2)
    depthwise(f, x, 2, 3, 6, 6, kernel=(1, 3, 1, 6), Padding=VALID)


def pools(f: File) -> None:
    x = f.operator(
        "AVERAGE_POOL_2D", [0], 2, 5, 6, 3, Padding=SAME, StrideH=2, StrideW=2, FilterHeight=3, FilterWidth=3
    )
    x = f.operator(
        "MAX_POOL_2D", [x], 2, 3, 3, 3, Padding=SAME, StrideH=2, StrideW=2, FilterHeight=2, FilterWidth=2
    )
    f.operator(
        "AVERAGE_POOL_2D", [x], 2, 1, 1, 3, Padding=VALID, StrideH=1, StrideW=1, FilterHeight=3, FilterWidth=3
    )


def activations(f: File) -> None:
    for kind in ("RELU6", "TANH", "LOGISTIC", "HARD_SWISH", "ABS", "NEG"):
        f.operator(kind, [len(f.tensors) - 1], 2, 9, 12, 3)
    f.operator("LEAKY_RELU", [len(f.tensors) - 1], 2, 9, 12, 3, Alpha=0.3)


def arithmetic(f: File) -> None:
    """Constants of every rank, and a map weighed by one number per channel, as squeeze and excitation does."""
    x = f.operator("ADD", [0, f.constant(normal(3))], 2, 9, 12, 3, FusedActivationFunction=RELU)
    x = f.operator("MUL", [f.constant(normal(12, 3)), x], 2, 9, 12, 3)
    x = f.operator("SUB", [f.constant(np.float32(0.7).reshape(())), x], 2, 9, 12, 3)
    x = f.operator("DIV", [x, f.constant(np.abs(normal(1, 9, 1, 3)) + 0.5)], 2, 9, 12, 3)
    means = f.operator("MEAN", [0, f.constant(np.array([1, 2], np.int32))], 2, 1, 1, 3, KeepDims=True)
    f.operator("MUL", [x, means], 2, 9, 12, 3)


def head(f: File) -> None:
    """A map flattened in the file's order, two linear layers, a normalisation."""
    x = conv(f, 0, 2, 5, 6, 4, kernel=(4, 3, 3, 3), StrideH=2, StrideW=2)
    x = f.operator("RESHAPE", [x, f.constant(np.array([-1, 120], np.int32))], 2, 120)
    weight = f.constant(normal(7, 120) * 0.1)
    x = f.operator("FULLY_CONNECTED", [x, weight, f.constant(normal(7))], 2, 7, FusedActivationFunction=RELU)
    x = f.operator("FULLY_CONNECTED", [x, f.constant(normal(6, 7, seed=3)), -1], 2, 6)
    f.operator("L2_NORMALIZATION", [x], 2, 6)


def linear_on_map(f: File) -> None:
    x = f.operator("FULLY_CONNECTED", [0, f.constant(normal(8, 324) * 0.1), f.constant(normal(8))], 2, 8)
    x = f.operator("RESHAPE", [x, f.constant(np.array([2, 2, 2, 2], np.int32))], 2, 2, 2, 2)
    x = f.operator("RESHAPE", [x, f.constant(np.array([2, 4, 1, 2], np.int32))], 2, 4, 1, 2)
    x = f.operator("MEAN", [x, f.constant(np.array([2, 1], np.int32))], 2, 2, KeepDims=False)
    x = f.operator("RESHAPE", [x, f.constant(np.array([2, 1, 1, 2], np.int32))], 2, 1, 1, 2)
    x = f.operator("RESHAPE", [x, f.constant(np.array([2, 2], np.int32))], 2, 2)
    f.operator("SOFTMAX", [x], 2, 2, Beta=0.5)


def padded_and_joined(f: File) -> None:
    pads = f.constant(np.array([[0, 0], [1, 0], [2, 1], [0, 0]], np.int32))
    x = f.operator("PAD", [0, pads], 2, 10, 15, 3)
    y = conv(f, x, 2, 10, 15, 4, kernel=(4, 3, 3, 3))
    f.operator("CONCATENATION", [x, y, x], 2, 10, 15, 10, Axis=-1)


def half_weights(f: File) -> None:
    """Half precision kept in the file and widened by an operator, as its converters write it."""
    stored = f.constant((normal(4, 3, 3, 3) * 0.3).astype(np.float16))
    weight = f.operator("DEQUANTIZE", [stored], 4, 3, 3, 3)
    f.operator("CONV_2D", [0, weight, f.constant(normal(4))], 2, 9, 12, 4, Padding=SAME, StrideH=1, StrideW=1,
               DilationHFactor=1, DilationWFactor=1)  # fmt: skip


def slopes(f: File) -> None:
    x = f.operator("PRELU", [0, f.constant(np.abs(normal(1, 1, 3)))], 2, 9, 12, 3)
    x = conv(f, x, 2, 9, 12, 4, kernel=(4, 1, 1, 3))
    f.operator("PRELU", [x, f.constant(normal(9, 12, 4))], 2, 9, 12, 4)


NETWORKS = (stride_two, dilated, valid_fused, depthwise_multiplier, pools, activations, arithmetic, head, linear_on_map,
            padded_and_joined, half_weights, slopes)  # fmt: skip


@pytest.mark.parametrize("build", NETWORKS, ids=lambda f: f.__name__)
def test_computes_what_the_original_file_computes(build: Callable[[File], None], tmp_path: Path) -> None:
    file = picture_file()
    build(file)
    data = file.data()
    picture = normal(2, 9, 12, 3, seed=9)
    wanted = original(data, picture, tmp_path)
    found = converted(data, picture)
    assert found.shape == wanted.shape
    assert np.abs(wanted).max() > 1e-2
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_the_batch_of_the_file_is_freed_and_rows_do_not_depend_on_it() -> None:
    file = picture_file()
    head(file)
    pictures = normal(5, 9, 12, 3)
    together = converted(file.data(), pictures)
    alone = np.concatenate([converted(file.data(), pictures[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-6)


def test_a_squeeze_keeps_the_values() -> None:
    """OpenVINO wants the axes in the operator's options; the reader takes them from the shapes."""
    file = picture_file(1, 1)
    file.operator("SQUEEZE", [0], 2, 3)
    picture = normal(2, 1, 1, 3)
    np.testing.assert_array_equal(converted(file.data(), picture), picture[:, 0, 0])


# Parametric rectifiers written as several operators


def by_absolute(f: File, x: int, slope: np.ndarray) -> None:
    """relu(x) + slope/2 (x − |x|)."""
    shape = (2, 9, 12, 3)
    positive, size = f.operator("RELU", [x], *shape), f.operator("ABS", [x], *shape)
    below = f.operator("MUL", [f.constant(0.5 * slope), f.operator("SUB", [x, size], *shape)], *shape)
    f.operator("ADD", [positive, below], *shape)


def by_absolute_halved(f: File, x: int, slope: np.ndarray) -> None:
    """0.5 · ((x − |x|) · slope) + relu(x), as the source line of TensorFlow programs reads."""
    shape = (2, 9, 12, 3)
    below = f.operator("SUB", [x, f.operator("ABS", [x], *shape)], *shape)
    below = f.operator("MUL", [below, f.constant(slope)], *shape)
    below = f.operator("MUL", [f.constant(np.float32(0.5).reshape(())), below], *shape)
    f.operator("ADD", [below, f.operator("RELU", [x], *shape)], *shape)


def by_negative(f: File, x: int, slope: np.ndarray) -> None:
    """relu(x) + (−slope) relu(−x), as Keras writes it."""
    shape = (2, 9, 12, 3)
    positive = f.operator("RELU", [x], *shape)
    below = f.operator("RELU", [f.operator("NEG", [x], *shape)], *shape)
    f.operator("ADD", [positive, f.operator("MUL", [f.constant(-slope), below], *shape)], *shape)


def by_difference(f: File, x: int, slope: np.ndarray) -> None:
    """relu(x) − slope relu(−x)."""
    shape = (2, 9, 12, 3)
    below = f.operator("RELU", [f.operator("NEG", [x], *shape)], *shape)
    below = f.operator("MUL", [f.constant(slope), below], *shape)
    f.operator("SUB", [f.operator("RELU", [x], *shape), below], *shape)


@pytest.mark.parametrize(
    "build", [by_absolute, by_absolute_halved, by_negative, by_difference], ids=lambda f: f.__name__
)
def test_rectifiers_written_in_parts_become_one_node(build: Callable[..., None], tmp_path: Path) -> None:
    file = picture_file()
    slope = np.array([0.25, -0.5, 1.5], np.float32)
    build(file, 0, slope)
    picture = normal(2, 9, 12, 3)
    assert operators(read_tflite(file.data())) == ["PRelu"]
    np.testing.assert_allclose(
        converted(file.data(), picture), np.where(picture > 0, picture, slope * picture), rtol=1e-6
    )
    np.testing.assert_allclose(
        converted(file.data(), picture), original(file.data(), picture, tmp_path), rtol=1e-5, atol=1e-6
    )


def test_what_only_looks_like_a_rectifier_stays_as_it_is(tmp_path: Path) -> None:
    """relu(x) + c (x − |y|) of another tensor, and a part that is an output too."""
    file = picture_file()
    shape = (2, 9, 12, 3)
    other = file.operator("TANH", [0], *shape)
    below = file.operator("SUB", [0, file.operator("ABS", [other], *shape)], *shape)
    below = file.operator("MUL", [file.constant(normal(3)), below], *shape)
    file.operator("ADD", [file.operator("RELU", [0], *shape), below], *shape)
    picture = normal(2, 9, 12, 3)
    assert "PRelu" not in operators(read_tflite(file.data()))
    np.testing.assert_allclose(
        converted(file.data(), picture), original(file.data(), picture, tmp_path), rtol=1e-5, atol=1e-6
    )


def test_a_part_that_is_read_elsewhere_stays_beside_the_rectifier() -> None:
    file = picture_file()
    by_absolute(file, 0, np.float32([0.1, 0.2, 0.3]))
    positive = next(made for kind, _, made, _ in file.operators if kind == "RELU")
    model = read_tflite(file.data(outputs=[file.operators[-1][2], positive]))
    assert sorted(operators(model)) == ["PRelu", "Relu"]


# Weights in other number formats


def test_weights_in_whole_numbers_become_what_they_stand_for() -> None:
    """Dynamic-range quantisation: one scale per kernel, along the axis that the file names."""
    stored = np.random.default_rng(0).integers(-127, 128, (4, 3, 3, 3)).astype(np.int8)
    scale = np.array([0.01, 0.02, 0.005, 0.03], np.float32)
    files = []
    for values in (
        dict(value=stored, scale=scale),
        dict(value=(stored * scale[:, None, None, None]).astype(np.float32)),
    ):
        file = picture_file()
        weight = file.constant(values.pop("value"), **values)
        file.operator(
            "CONV_2D", [0, weight, file.constant(normal(4))], 2, 9, 12, 4, Padding=SAME, StrideH=1, StrideW=1
        )
        files.append(converted(file.data(), normal(2, 9, 12, 3)))
    np.testing.assert_allclose(files[0], files[1], rtol=1e-5, atol=1e-6)


def test_one_scale_and_a_zero_point() -> None:
    file = picture_file()
    operand = file.constant(np.array([0, 128, 255], np.uint8), scale=0.5, zero=128)
    file.operator("ADD", [0, operand], 2, 9, 12, 3)
    picture = normal(2, 9, 12, 3)
    np.testing.assert_allclose(
        converted(file.data(), picture), picture + np.float32([-64, 0, 63.5]), rtol=1e-6
    )


# Refusals


def refused(file: File, **how: object) -> str:
    with pytest.raises(ModelError) as caught:
        read_tflite(file.data(**how), "net.tflite")  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_operator_that_is_not_covered_is_named() -> None:
    file = picture_file()
    file.operator("RESIZE_BILINEAR", [0, file.constant(np.array([4, 4], np.int32))], 2, 4, 4, 3, name="up")
    assert "net.tflite: RESIZE_BILINEAR 'up': the operator is not covered; covered are ABS, ADD" in refused(
        file
    )


def test_networks_in_whole_numbers_are_refused() -> None:
    file = File()
    file.tensor("picture", 1, 4, 4, 3, kind="UINT8")
    file.operator("RELU", [0], 1, 4, 4, 3, out="UINT8")
    assert "the input 'picture' is uint8" in refused(file)
    file = picture_file()
    file.operator("RELU", [0], 2, 9, 12, 3, out="INT8", name="whole")
    assert "tensor 'whole' is int8; networks that compute in whole numbers" in refused(file)


@pytest.mark.parametrize(
    ("kind", "constants", "shape", "options", "message"),
    [
        ("RELU", [], (9, 2, 12, 3), {}, r"has shape \(9, 2, 12, 3\); wanted \(2, H, W, C\)"),
        ("RELU", [], (2, 9, 12, 4), {}, "is damaged: .*Inferred shape and existing shape differ"),
        ("MEAN", [np.array([0], np.int32)], (2, 12, 9, 3), {}, r"a mean over the axes \[0\]"),
        ("CONCATENATION", [], (2, 9, 12, 3), {"Axis": 0}, "it joins pictures of a batch"),
        ("ADD", [np.zeros((2, 9, 12, 3), np.float32)], (2, 9, 12, 3), {}, "another one for each picture"),
        ("RESHAPE", [np.array([2, 5], np.int32)], (2, 5), {}, "another number of values"),
        ("AVERAGE_POOL_2D", [], (2, 9, 12, 3), {"FilterHeight": 2, "FilterWidth": 2}, "strides"),
        ("RELU", [], (2, 9, 12), {}, "wanted"),
    ],
)
def test_what_does_not_fit_is_refused(
    kind: str, constants: list[np.ndarray], shape: tuple[int, ...], options: dict[str, float], message: str
) -> None:
    file = picture_file()
    file.operator(kind, [0, *map(file.constant, constants)], *shape, name="made", **options)
    with pytest.raises(ModelError, match=message):
        read_tflite(file.data())


def test_a_shape_within_the_network_that_does_not_fit_is_refused() -> None:
    file = picture_file()
    x = file.operator("RELU", [0], 2, 9, 12, 4, name="made")
    x = file.operator("MUL", [x, 0], 2, 9, 12, 3)
    assert "is damaged: " in refused(file)
    file = picture_file()
    x = file.operator("RELU", [0], 2, 9, 1, 3, name="made")
    file.operator("MUL", [x, 0], 2, 9, 12, 3)
    assert "'made' is declared ('N', 3, 9, 1) (channels first) and computes (None, 3, 9, 12)" in refused(file)


def test_version_inputs_and_order_are_checked() -> None:
    file = picture_file()
    head(file)
    assert "not a TensorFlow Lite model of version 3" in refused(file, version=2)
    assert "0 inputs" in refused(file, inputs=[])
    assert "no operator makes the output 'constant_1'" in refused(file, outputs=[1])
    file.operators.reverse()
    assert "is not computed by an operator before it" in refused(file, outputs=[file.operators[0][2]])


def test_a_constant_of_another_length_is_refused() -> None:
    file = picture_file()
    slopes(file)
    name, shape, kind, data, quantization = file.tensors[1]
    file.tensors[1] = (name, shape, kind, data[:-4], quantization)
    assert "tensor 'constant_1' is damaged: 8 bytes for shape (1, 1, 3) of float32" in refused(file)


def small() -> bytes:
    file = picture_file()
    by_absolute(file, conv(file, 0, 2, 9, 12, 3, kernel=(3, 3, 3, 3)), np.float32([0.1, 0.2, 0.3]))
    return file.data()


SMALL = small()


def read_or_refuse(data: bytes) -> None:
    with contextlib.suppress(ModelError):
        read_tflite(data)


@settings(max_examples=150)
@given(st.integers(0, len(SMALL) - 1))
def test_a_file_that_is_cut_short_is_refused_or_read(length: int) -> None:
    read_or_refuse(SMALL[:length])


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(st.integers(0, len(SMALL) - 1), st.binary(min_size=1, max_size=4)), min_size=1, max_size=5
    )
)
def test_a_damaged_file_is_refused_or_read(damage: list[tuple[int, bytes]]) -> None:
    data = bytearray(SMALL)
    for position, bytes_there in damage:
        data[position : position + len(bytes_there)] = bytes_there
    read_or_refuse(bytes(data))


@settings(max_examples=100)
@given(st.binary(max_size=400))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(ModelError):
        read_tflite(b"\x1c\x00\x00\x00TFL3" + noise)


# In its place


def test_read_model_takes_either_format(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(SMALL)
    assert is_tflite(SMALL)
    assert read_model(path) == read_model(SMALL) == read_tflite(SMALL)
    (tmp_path / "cut.tflite").write_bytes(SMALL[:20])
    with pytest.raises(ModelError, match=r"cut\.tflite is not a TensorFlow Lite model, or is cut short"):
        read_model(tmp_path / "cut.tflite")


def test_half_precision_is_written_into_the_converted_graph() -> None:
    picture = {"picture": normal(2, 3, 9, 12)}
    (wanted,) = run(read_tflite(SMALL), picture).values()
    (found,) = run(to_half(read_tflite(SMALL)), picture).values()
    np.testing.assert_allclose(found, wanted, atol=0.02)
    assert np.abs(found - wanted).max() > 0
