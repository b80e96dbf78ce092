"""dlib's face recognition ResNet (29 convolutions, 128 values) as an ONNX graph.

The weights are ``dlib_face_recognition_resnet_model_v1.dat`` by Davis King, in the public domain (CC0), in the PyPI
package ``face_recognition_models``. The input is an upright RGB face of 150×150 pixels;
embeddings are compared by Euclidean distance (same person below 0.6).

The graph has the input of dlib's first convolution, ``(x - DLIB_MEAN) / DLIB_STD`` per
channel of RGB, and names its taps ``features`` (256×4×4), ``pre_dropout`` (256) and ``embedding`` (128, not
normalised). dlib's affine layers (frozen batch normalisations) are folded into the convolutions in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fiqx_trt.errors import ModelError
from fiqx_trt.files import read_regular
from fiqx_trt.onnx_export.architectures.dlib_layers import (
    Add,
    Affine,
    Convolution,
    Dense,
    Input,
    Layer,
    Pool,
    Relu,
    Skip,
    Tag,
    read_layers,
)
from fiqx_trt.onnx_export.architectures.weights import find_file
from fiqx_trt.onnx_export.graphs.builder import GraphBuilder

if TYPE_CHECKING:
    import onnx

__all__ = ["DLIB_MEAN", "DLIB_SIZE", "DLIB_STD", "build_dlib_resnet", "find_weights", "read_dlib_resnet"]

DLIB_MEAN = (122.782, 117.001, 104.298)
"""Average red, green and blue that dlib subtracts from the 0..255 pixels."""
DLIB_STD = (256.0, 256.0, 256.0)
"""What dlib divides by after the subtraction."""
DLIB_SIZE = (150, 150)
"""Height and width of the picture."""

_DOC = (
    "dlib face recognition ResNet v1 (Davis King, CC0), converted from "
    "dlib_face_recognition_resnet_model_v1.dat. Input: RGB, (x - (122.782, 117.001, 104.298)) / 256."
)


def find_weights() -> Path:
    """Return the path of dlib's weights in the package ``face_recognition_models``, without importing it.

    DependencyError where the package is not installed.
    """
    return find_file(
        "face_recognition_models",
        "models",
        "dlib_face_recognition_resnet_model_v1.dat",
        purpose="the built-in model dlib-resnet",
    )


def read_dlib_resnet(source: Path | bytes) -> tuple[Layer, ...]:
    """Read the layers of dlib's network, from its file or the bytes of it, in the order of execution.

    ModelError where the file cannot be read, is damaged, or is another network.
    """
    if isinstance(source, bytes):
        layers = read_layers(source, name="dlib network")
    else:
        try:
            layers = read_layers(read_regular(source), name=str(source))
        except OSError as error:
            raise ModelError(f"cannot read dlib's weights {source}: {error.strerror or error}") from error
    first = layers[0]
    published = Input(DLIB_MEAN, DLIB_SIZE)
    if not isinstance(first, Input) or not _same_input(first, published):
        raise ModelError(f"dlib's network has the input {first}, the published network {published}")
    return layers


def _same_input(stored: Input, wanted: Input) -> bool:
    return stored.size == wanted.size and np.allclose(stored.mean, wanted.mean, atol=1e-4)


def build_dlib_resnet(source: Path | bytes | None = None) -> onnx.ModelProto:
    """Convert dlib's face recognition network to ONNX.

    Parameters
    ----------
    source
        The ``.dat`` file or its bytes; default: the file of `find_weights`.

    Returns
    -------
    onnx.ModelProto
        Input ``image`` (N, 3, 150, 150) float32; output ``embedding`` (N, 128) float32.

    Raises
    ------
    DependencyError
        No source was given and the package with the weights is not installed.
    ModelError
        The file is damaged or is another network.
    """
    layers = read_dlib_resnet(find_weights() if source is None else source)
    writer = _Writer()
    for layer in _named(_fold(layers[1:])):
        writer.add(*layer)
    if writer.tensor != "embedding":
        raise ModelError("dlib's network does not end in a fully connected layer, so it has no embedding")
    image = ("N", 3, *DLIB_SIZE)
    return writer.graph.model({"image": image}, {"embedding": ("N", *writer.shape)}, doc=_DOC)


def _fold(layers: tuple[Layer, ...]) -> list[Layer]:
    """Fold each affine layer into the convolution before it."""
    folded: list[Layer] = []
    for layer in layers:
        if not isinstance(layer, Affine):
            folded.append(layer)
            continue
        before = folded.pop() if folded else None
        if not isinstance(before, Convolution) or len(before.bias) != len(layer.gamma):
            raise ModelError(
                "dlib's network has an affine layer that does not follow a convolution of its size"
            )
        gamma = layer.gamma.astype(np.float64)
        weight = before.weight * gamma[:, None, None, None]
        bias = before.bias * gamma + layer.beta
        folded.append(
            Convolution(weight.astype(np.float32), bias.astype(np.float32), before.stride, before.padding)
        )
    return folded


def _named(layers: list[Layer]) -> list[tuple[Layer, str]]:
    """Name the output of every layer; ``features`` is the input of the last residual block."""
    counts: dict[str, int] = {}
    tags = [at for at, layer in enumerate(layers) if isinstance(layer, Tag)]
    named = []
    for at, layer in enumerate(layers):
        kind = type(layer).__name__.lower()
        counts[kind] = counts.get(kind, 0) + 1
        name = f"{kind}_{counts[kind]:02d}"
        if tags and at == tags[-1] - 1:
            name = "features"
        elif isinstance(layer, Dense) and at == len(layers) - 1:
            name = "embedding"
        named.append((layer, name))
    return named


class _Writer:
    """Writes layer after layer; `tensor` and `shape` (without the batch) are the current output."""

    def __init__(self) -> None:
        self.graph = GraphBuilder("dlib_resnet")
        self.tensor = "image"
        self.shape: tuple[int, ...] = (3, *DLIB_SIZE)
        self._tags: list[tuple[str, tuple[int, ...]]] = []

    def add(self, layer: Layer, name: str) -> None:
        """Write one layer with the output `name`."""
        if isinstance(layer, Convolution):
            self._convolution(layer, name)
        elif isinstance(layer, Relu):
            self.tensor = self.graph.node("Relu", [self.tensor], name)
        elif isinstance(layer, Pool):
            self._pool(layer, name)
        elif isinstance(layer, (Tag, Skip)):
            self._tag(back=isinstance(layer, Skip))
        elif isinstance(layer, Add):
            self._add(name)
        elif isinstance(layer, Dense):
            self._dense(layer, name)
        else:
            raise ModelError(f"dlib's network has an unexpected layer {type(layer).__name__}")

    def _convolution(self, layer: Convolution, name: str) -> None:
        outputs, inputs, *window = layer.weight.shape
        self._need(inputs, 3, "a convolution")
        weight = self.graph.constant(f"{name}.weight", layer.weight)
        bias = self.graph.constant(f"{name}.bias", layer.bias)
        attributes = {"kernel_shape": window, "strides": layer.stride, "pads": 2 * layer.padding}
        self.tensor = self.graph.node("Conv", [self.tensor, weight, bias], name, attributes)
        self._slide(outputs, window, layer)

    def _pool(self, layer: Pool, name: str) -> None:
        self._need(None, 3, "a pooling layer")
        if layer.window == (0, 0):
            pooled = self.graph.node("GlobalAveragePool", [self.tensor], f"{name}.mean")
            self.tensor = self.graph.node("Flatten", [pooled], "pre_dropout", {"axis": 1})
            self.shape = self.shape[:1]
            return
        if layer.kind == "avg" and any(layer.padding):
            raise ModelError(
                "dlib's network has a padded average pooling, which the published one does not have"
            )
        op = "MaxPool" if layer.kind == "max" else "AveragePool"
        attributes = {"kernel_shape": layer.window, "strides": layer.stride, "pads": 2 * layer.padding}
        self.tensor = self.graph.node(op, [self.tensor], name, attributes)
        self._slide(self.shape[0], layer.window, layer)

    def _tag(self, *, back: bool) -> None:
        self._tags.append((self.tensor, self.shape))
        if back:
            if len(self._tags) < 2:
                raise ModelError("dlib's network goes back to a tensor that it has not marked")
            self.tensor, self.shape = self._tags[-2]

    def _add(self, name: str) -> None:
        if not self._tags or len(self._tags[-1][1]) != len(self.shape):
            raise ModelError("dlib's network adds a tensor that it has not marked")
        other, other_shape = self._tags[-1]
        shape = tuple(max(pair) for pair in zip(self.shape, other_shape, strict=True))
        mine = self._padded(self.tensor, self.shape, shape, f"{name}.shortcut")
        theirs = self._padded(other, other_shape, shape, f"{name}.branch")
        self.tensor, self.shape = self.graph.node("Add", [mine, theirs], name), shape

    def _dense(self, layer: Dense, name: str) -> None:
        inputs, outputs = layer.weight.shape
        self._need(inputs, 1, "the fully connected layer")
        weight = self.graph.constant(f"{name}.weight", layer.weight)
        self.tensor, self.shape = self.graph.node("MatMul", [self.tensor, weight], name), (outputs,)

    def _padded(self, tensor: str, shape: tuple[int, ...], wanted: tuple[int, ...], name: str) -> str:
        """Zero-pad at the end of the axes, as dlib's addition of tensors of different size does."""
        if shape == wanted:
            return tensor
        growth = [big - small for small, big in zip(shape, wanted, strict=True)]
        pads = self.graph.constant(f"{name}.pads", np.array([0] * (len(shape) + 2) + growth, np.int64))
        return self.graph.node("Pad", [tensor, pads], name)

    def _need(self, inputs: int | None, rank: int, what: str) -> None:
        if len(self.shape) != rank or inputs not in (None, self.shape[0]):
            raise ModelError(
                f"dlib's network gives {what} a tensor of shape {self.shape}, which does not fit"
            )

    def _slide(self, channels: int, window: Sequence[int], layer: Convolution | Pool) -> None:
        extents = [
            (extent + 2 * pad - size) // step + 1
            for extent, size, step, pad in zip(
                self.shape[1:], window, layer.stride, layer.padding, strict=True
            )
        ]
        if min(extents) < 1:
            raise ModelError(
                f"dlib's network slides a window of {window} over a tensor of shape {self.shape}"
            )
        self.shape = (channels, *extents)
