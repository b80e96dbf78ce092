"""Small networks as TensorFlow Lite files: builders that add operators to a file, and one whole file."""

from __future__ import annotations

import numpy as np

from reference.onnx_graphs import normal
from support.tflite_files import File

SAME, VALID = 0, 1
RELU, RELU6, TANH = 1, 3, 4


def picture_file(height: int = 9, width: int = 12, batch: int = 2) -> File:
    file = File()
    file.tensor("picture", batch, height, width, 3)
    return file


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


# A whole file


def small() -> bytes:
    file = picture_file()
    by_absolute(file, conv(file, 0, 2, 9, 12, 3, kernel=(3, 3, 3, 3)), np.float32([0.1, 0.2, 0.3]))
    return file.data()


SMALL = small()
