"""Convert TensorFlow Lite operators to ONNX, channels first; one rule per operator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.onnx_export.graphs.builder import Attribute
from fiqx_trt.onnx_export.graphs.tflite.schema import Operator
from fiqx_trt.onnx_export.graphs.tflite.writer import Writer

__all__ = ["RULES"]

Rule = Callable[[Writer, Operator], None]
_TO_FIRST = (0, 3, 1, 2)
_TO_LAST = (0, 2, 3, 1)
_SAME = 0


def _conv(w: Writer, op: Operator) -> None:
    """Kernels (out, h, w, in / groups) become (out, in / groups, h, w)."""
    weight = _kernels(w, op)
    channels = w.shape(op)[0]
    if channels % weight.shape[3]:
        raise w.refuse(op, f"kernels of {weight.shape[3]} channels read {channels} channels")
    _convolve(w, op, weight.transpose(0, 3, 1, 2), channels // weight.shape[3])


def _depthwise(w: Writer, op: Operator) -> None:
    """Kernels (1, h, w, channels · multiplier) become (channels · multiplier, 1, h, w)."""
    weight = _kernels(w, op)
    _convolve(w, op, weight.transpose(3, 0, 1, 2), w.shape(op)[0])


def _kernels(w: Writer, op: Operator) -> NDArray[np.generic]:
    weight = w.value(op, 1)
    if weight.ndim != 4 or len(w.shape(op)) != 3:
        raise w.refuse(
            op, f"kernels of shape {weight.shape} over a tensor of rank {len(w.shape(op)) + 1}; wanted rank 4"
        )
    return weight


def _convolve(w: Writer, op: Operator, weight: NDArray[np.generic], groups: int) -> None:
    kernel = weight.shape[2], weight.shape[3]
    inputs = [w.data(op), w.constant(op, "weight", weight)]
    if w.given(op, 2):
        inputs.append(w.constant(op, "bias", w.value(op, 2)))
    w.emit("Conv", inputs, op, {**_window(w, op, kernel), "group": groups})


def _window(w: Writer, op: Operator, kernel: tuple[int, int]) -> dict[str, Attribute]:
    """Return the attributes of a sliding window; odd SAME padding has the larger part at the bottom and right."""
    strides = [int(op.options[f"Stride{axis}"]) for axis in "HW"]
    dilations = [int(op.options.get(f"Dilation{axis}Factor", 1)) or 1 for axis in "HW"]
    if min(*strides, *dilations, *kernel) < 1:
        raise w.refuse(
            op, f"strides {strides}, dilations {dilations}, window {list(kernel)}: wanted positive numbers"
        )
    before, after = [0, 0], [0, 0]
    if int(op.options["Padding"]) == _SAME:
        for axis, extent in enumerate(w.shape(op)[1:]):
            reach = (kernel[axis] - 1) * dilations[axis] + 1
            windows = -(-extent // strides[axis])
            total = max(0, (windows - 1) * strides[axis] + reach - extent)
            before[axis], after[axis] = total // 2, total - total // 2
    attributes: dict[str, Attribute] = {
        "kernel_shape": list(kernel),
        "strides": strides,
        "pads": [*before, *after],
    }
    return {**attributes, "dilations": dilations} if dilations != [1, 1] else attributes


def _pool(kind: str) -> Rule:
    def rule(w: Writer, op: Operator) -> None:
        kernel = int(op.options["FilterHeight"]), int(op.options["FilterWidth"])
        if len(w.shape(op)) != 3:
            raise w.refuse(op, "it reads no tensor of rank 4")
        window = _window(w, op, kernel)
        if kernel == w.shape(op)[1:] and window["pads"] == [0] * 4:
            w.emit(f"Global{kind}", [w.data(op)], op)
        else:
            w.emit(kind, [w.data(op)], op, window)

    return rule


def _unary(kind: str) -> Rule:
    return lambda w, op: w.emit(kind, [w.data(op)], op)


def _clip(low: float, high: float) -> Rule:
    return lambda w, op: w.emit("Clip", [w.data(op), *w.limits(op, (low, high))], op)


def _leaky_relu(w: Writer, op: Operator) -> None:
    w.emit("LeakyRelu", [w.data(op)], op, {"alpha": float(op.options["Alpha"])})


def _prelu(w: Writer, op: Operator) -> None:
    slope = _first(w, op, w.value(op, 1), len(w.shape(op)))
    w.emit("PRelu", [w.data(op), w.constant(op, "slope", slope)], op)


def _binary(kind: str) -> Rule:
    def rule(w: Writer, op: Operator) -> None:
        rank = len(w.shape(op, None))
        names = []
        for index in (0, 1):
            if w.is_constant(op, index):
                names.append(w.constant(op, f"operand_{index}", _first(w, op, w.value(op, index), rank)))
            elif len(w.shape(op, index)) == rank:
                names.append(w.data(op, index))
            else:
                raise w.refuse(op, "it joins tensors of different rank")
        w.emit(kind, names, op)

    return rule


def _first(w: Writer, op: Operator, value: NDArray[np.generic], rank: int) -> NDArray[np.generic]:
    """Transpose a constant operand, broadcast from the right with channels last, to channels first without a batch."""
    if value.size == 1:
        return value.reshape(())
    if value.ndim > rank + 1 or (value.ndim == rank + 1 and value.shape[0] != 1):
        raise w.refuse(op, f"its constant of shape {value.shape} is another one for each picture of a batch")
    value = value.reshape((1,) * (rank - value.ndim) + value.shape[max(0, value.ndim - rank) :])
    return value if rank == 1 else value.transpose(2, 0, 1)


def _reshape(w: Writer, op: Operator) -> None:
    """Reshape in the file's order, channels last: a map is transposed before and after, unless it is 1×1."""
    before, after = w.shape(op), w.shape(op, None)
    if np.prod(before, dtype=np.int64) != np.prod(after, dtype=np.int64):
        raise w.refuse(op, f"it makes {after} of {before}, which is another number of values")
    name = w.data(op)
    if before == after:
        w.emit("Identity", [name], op)
        return
    if _is_map(before):
        name = w.node("Transpose", [name], op, "turned", {"perm": _TO_LAST})
    if len(after) == 1:
        w.emit("Flatten", [name], op, {"axis": 1})
        return
    channels, height, width = after
    inner = (channels, height, width) if not _is_map(after) else (height, width, channels)
    target = w.constant(op, "shape", np.array([0, *inner], np.int64))
    if not _is_map(after):
        w.emit("Reshape", [name, target], op)
    else:
        w.emit("Transpose", [w.node("Reshape", [name, target], op, "reshaped")], op, {"perm": _TO_FIRST})


def _is_map(shape: tuple[int, ...]) -> bool:
    """Return whether channels first and channels last are different orders of the values."""
    return len(shape) == 3 and shape[0] > 1 and shape[1:] != (1, 1)


def _mean(w: Writer, op: Operator) -> None:
    axes = sorted(int(a) % 4 for a in w.value(op, 1).ravel())
    if len(w.shape(op)) != 3 or axes != [1, 2]:
        raise w.refuse(op, f"a mean over the axes {axes}; wanted height and width, [1, 2]")
    if len(w.shape(op, None)) == 3:
        w.emit("GlobalAveragePool", [w.data(op)], op)
    else:
        w.emit("Flatten", [w.node("GlobalAveragePool", [w.data(op)], op, "pooled")], op, {"axis": 1})


def _fully_connected(w: Writer, op: Operator) -> None:
    """Multiply by (out, in) weights, over the values in the file's order."""
    weight = w.value(op, 1)
    if weight.ndim != 2 or op.options.get("WeightsFormat", 0) != 0 or len(w.shape(op, None)) != 1:
        raise w.refuse(
            op,
            f"weights of shape {weight.shape}; wanted (out, in) in plain order, and (N, out) as the result",
        )
    name = w.data(op)
    if _is_map(w.shape(op)):
        name = w.node("Transpose", [name], op, "turned", {"perm": _TO_LAST})
    if len(w.shape(op)) == 3:
        name = w.node("Flatten", [name], op, "flat", {"axis": 1})
    inputs = [name, w.constant(op, "weight", weight)]
    if w.given(op, 2):
        inputs.append(w.constant(op, "bias", w.value(op, 2)))
    w.emit("Gemm", inputs, op, {"transB": 1})


def _pad(w: Writer, op: Operator) -> None:
    pads = np.asarray(w.value(op, 1), np.int64)
    rank = len(w.shape(op)) + 1
    if pads.shape != (rank, 2) or pads[0].any() or pads.min() < 0:
        raise w.refuse(op, f"paddings {pads.tolist()}; wanted two numbers per axis, none for the batch")
    order = _TO_FIRST if rank == 4 else (0, 1)
    w.emit("Pad", [w.data(op), w.constant(op, "pads", pads[list(order)].T.ravel())], op)


def _concat(w: Writer, op: Operator) -> None:
    rank = len(w.shape(op, None)) + 1
    axis = int(op.options["Axis"]) % rank
    if axis == 0:
        raise w.refuse(op, "it joins pictures of a batch")
    names = [w.data(op, i) for i in range(len(op.inputs))]
    w.emit("Concat", names, op, {"axis": _TO_LAST[axis] if rank == 4 else axis})


def _softmax(w: Writer, op: Operator) -> None:
    name = w.data(op)
    beta = float(op.options["Beta"])
    if beta != 1.0:
        name = w.node("Mul", [name, w.constant(op, "beta", np.array(beta, np.float32))], op, "scaled")
    w.emit("Softmax", [name], op, {"axis": 1})


def _normalise(w: Writer, op: Operator) -> None:
    w.emit("LpNormalization", [w.data(op)], op, {"axis": 1, "p": 2})


RULES: dict[str, Rule] = {
    "ABS": _unary("Abs"),
    "ADD": _binary("Add"),
    "AVERAGE_POOL_2D": _pool("AveragePool"),
    "CONCATENATION": _concat,
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "DIV": _binary("Div"),
    "FULLY_CONNECTED": _fully_connected,
    "HARD_SWISH": _unary("HardSwish"),
    "L2_NORMALIZATION": _normalise,
    "LEAKY_RELU": _leaky_relu,
    "LOGISTIC": _unary("Sigmoid"),
    "MAX_POOL_2D": _pool("MaxPool"),
    "MEAN": _mean,
    "MUL": _binary("Mul"),
    "NEG": _unary("Neg"),
    "PAD": _pad,
    "PRELU": _prelu,
    "RELU": _unary("Relu"),
    "RELU6": _clip(0.0, 6.0),
    "RESHAPE": _reshape,
    "SOFTMAX": _softmax,
    "SQUEEZE": _reshape,
    "SUB": _binary("Sub"),
    "TANH": _unary("Tanh"),
}
