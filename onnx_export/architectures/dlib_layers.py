"""Read the layers of dlib's face recognition network from its file, in the order of execution.

dlib nests its networks from the loss inwards: first come the versions of all layers, outermost first, then,
from the input outwards, the data of each layer. A layer's version is 2 (3 for the one with the input);
tags and skips are entries of version 1 without data. dlib writes residual blocks with them: one entry
alone marks a tensor (``tag1``); two in a row mark a second tensor and go back to the first
(``skip1<tag2<...>>``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.onnx_export.architectures.dlib_format import DlibStream

__all__ = [
    "Add",
    "Affine",
    "Convolution",
    "Dense",
    "Input",
    "Layer",
    "Pool",
    "Relu",
    "Skip",
    "Tag",
    "read_layers",
]

_LOSS, _TAG, _LAYER, _FIRST_LAYER = 1, 1, 2, 3
_FC_NO_BIAS = 1


@dataclass(frozen=True)
class Input:
    """The input: per-channel averages (R, G, B) that dlib subtracts, and its size."""

    mean: tuple[float, float, float]
    size: tuple[int, int]


@dataclass(frozen=True)
class Convolution:
    """A cross-correlation with weights (outputs, inputs, rows, columns) and a bias (outputs,)."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    stride: tuple[int, int]
    padding: tuple[int, int]


@dataclass(frozen=True)
class Affine:
    """A frozen batch normalisation, ``gamma * x + beta`` per channel."""

    gamma: NDArray[np.float32]
    beta: NDArray[np.float32]


@dataclass(frozen=True)
class Relu:
    """``max(x, 0)``."""


@dataclass(frozen=True)
class Pool:
    """A pooling layer, ``kind`` "max" or "avg"; a window of (0, 0) covers the whole tensor."""

    kind: str
    window: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]


@dataclass(frozen=True)
class Tag:
    """Marks the current tensor for a later `Add`."""


@dataclass(frozen=True)
class Skip:
    """Marks the current tensor for the next `Add`, and continues from the tensor marked before."""


@dataclass(frozen=True)
class Add:
    """Adds the last marked tensor; the smaller of the two is padded with zeros at the end of every axis."""


@dataclass(frozen=True)
class Dense:
    """``x @ weight`` with a weight of (inputs, outputs) and no bias."""

    weight: NDArray[np.float32]


Layer = Input | Convolution | Affine | Relu | Pool | Tag | Skip | Add | Dense


def read_layers(data: bytes, *, name: str) -> tuple[Layer, ...]:
    """Read the layers of a network in dlib's format, in the order of execution; the first is the `Input`.

    Messages call the file `name`. ModelError where the bytes are not a network of these kinds of layers.
    """
    stream = DlibStream(data, name=name)
    _read_loss(stream)
    marks = _read_structure(stream)
    layers: list[Layer] = [_read_input(stream)]
    for first, mark in enumerate(reversed(marks)):
        if isinstance(mark, (Tag, Skip)):
            layers.append(mark)
            continue
        layers.append(_read_layer(stream, innermost=first == 0))
    stream.finish()
    return tuple(layers)


def _read_loss(stream: DlibStream) -> None:
    stream.expect(_LOSS, "the version of the loss layer")
    found = stream.text()
    if found != "loss_metric_2":
        raise stream.fail(f"the loss layer must be 'loss_metric_2', found {found!r}")
    stream.reals(2)


def _read_structure(stream: DlibStream) -> list[Tag | Skip | None]:
    """Return one mark per entry, outermost first: None for a layer, else the kind of tag."""
    marks: list[Tag | Skip | None] = []
    while (version := stream.integer()) != _FIRST_LAYER:
        if version == _LAYER:
            marks.append(None)
        elif version == _TAG and marks and isinstance(marks[-1], Tag):
            marks[-1] = Skip()
        elif version == _TAG:
            marks.append(Tag())
        else:
            raise stream.fail(f"the version of a layer must be 1, 2 or 3, found {version}")
    return [*marks, None]


def _read_input(stream: DlibStream) -> Input:
    found = stream.text()
    if found != "input_rgb_image_sized":
        raise stream.fail(f"the input layer must be 'input_rgb_image_sized', found {found!r}")
    red, green, blue = stream.reals(3)
    return Input((red, green, blue), (stream.integer(), stream.integer()))


def _read_layer(stream: DlibStream, *, innermost: bool) -> Layer:
    kind = stream.text()
    if kind not in _READERS:
        raise stream.fail(f"unknown layer {kind!r} (known: {', '.join(sorted(_READERS))})")
    layer = _READERS[kind](stream)
    # What dlib keeps of a run: three flags and three tensors (input gradient, output, parameter gradient).
    for _ in range(3):
        stream.flag()
    for _ in range(3):
        stream.tensor()
    if innermost:
        stream.expect(1, "the sample expansion factor")
    return layer


def _read_convolution(stream: DlibStream) -> Convolution:
    values = stream.tensor()
    outputs, *window = (stream.integer() for _ in range(3))
    stride = (stream.integer(), stream.integer())
    padding = (stream.integer(), stream.integer())
    shape, bias = stream.alias(), stream.alias()
    stream.reals(4)
    split = prod(shape)
    if (
        (shape[0], *shape[2:]) != (outputs, *window)
        or prod(bias) != outputs
        or values.size != split + outputs
    ):
        raise stream.fail(f"a convolution of {outputs} filters has weights {shape} and bias {bias}")
    if min(stride) < 1 or min(padding) < 0:
        raise stream.fail(f"a convolution has stride {stride} and padding {padding}")
    return Convolution(values[:split].reshape(shape), values[split:], stride, padding)


def _read_affine(stream: DlibStream) -> Affine:
    values = stream.tensor()
    gamma, beta = stream.alias(), stream.alias()
    stream.expect(0, "the mode of an affine layer (0: per channel)")
    if gamma != beta or values.size != 2 * prod(gamma) or prod(gamma) != gamma[1]:
        raise stream.fail(f"an affine layer has gamma {gamma} and beta {beta}")
    return Affine(values[: values.size // 2], values[values.size // 2 :])


def _read_pool(stream: DlibStream, kind: str) -> Pool:
    pairs = [(stream.integer(), stream.integer()) for _ in range(3)]
    if min(pairs[0]) < 0 or min(pairs[1]) < 1 or min(pairs[2]) < 0:
        raise stream.fail(f"a pooling layer has window {pairs[0]}, stride {pairs[1]} and padding {pairs[2]}")
    return Pool(kind, *pairs)


def _read_dense(stream: DlibStream) -> Dense:
    outputs, inputs = stream.integer(), stream.integer()
    values = stream.tensor()
    shape = stream.alias()
    stream.alias()
    stream.expect(_FC_NO_BIAS, "the bias mode of the fully connected layer (1: none)")
    stream.reals(4)
    if shape != (inputs, outputs, 1, 1) or values.size != inputs * outputs:
        raise stream.fail(f"a fully connected layer {inputs} to {outputs} has weights {shape}")
    return Dense(values.reshape(inputs, outputs))


_READERS: dict[str, Callable[[DlibStream], Layer]] = {
    "con_4": _read_convolution,
    "affine_": _read_affine,
    "relu_": lambda stream: Relu(),
    "max_pool_2": lambda stream: _read_pool(stream, "max"),
    "avg_pool_2": lambda stream: _read_pool(stream, "avg"),
    "add_prev_": lambda stream: Add(),
    "fc_2": _read_dense,
}
