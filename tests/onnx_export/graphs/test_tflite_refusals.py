"""TensorFlow Lite files that are refused: what is not covered, what does not fit, and damaged bytes."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.tflite import read_tflite
from support.tflite_files import File
from support.tflite_networks import SMALL, head, picture_file, slopes


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


# Damaged bytes


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
