"""TensorFlow Lite networks as ONNX: OpenVINO runs the original file, ONNX Runtime the converted one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
import pytest

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.half import to_half
from fiqx_trt.onnx_export.graphs.reading import read_model
from fiqx_trt.onnx_export.graphs.split import dynamic_batch
from fiqx_trt.onnx_export.graphs.tflite import is_tflite, read_tflite
from reference.onnx_graphs import normal, operators, run
from support.tflite_files import File
from support.tflite_networks import (
    NETWORKS,
    SAME,
    SMALL,
    by_absolute,
    by_absolute_halved,
    by_difference,
    by_negative,
    head,
    picture_file,
)


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
