"""Types of the native module. `fiqx_trt.kernels` documents the functions and is the way to call them."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

class SupportsCuda(Protocol):
    @property
    def __cuda_array_interface__(self) -> dict[str, Any]: ...

Array: TypeAlias = NDArray[Any] | SupportsCuda
Color: TypeAlias = Literal["rgb", "bgr", "gray"]

cuda_built: bool
cuda_emulated: bool  # CUDA on the CPU, for tests: see cuda/emulation

def cuda_device_count() -> int: ...
def cuda_reason(device: int = 0) -> str: ...
def pinned(shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]: ...
def copy(source: Array, out: Array, *, stream: int | None = None) -> None: ...
def traffic() -> tuple[int, int]: ...

class Stream:
    """A CUDA stream that does not wait for the default one, for as long as the object lives."""

    def __init__(self, device: int = 0) -> None: ...
    def wait(self, other: int) -> None: ...
    def synchronize(self) -> None: ...
    @property
    def device(self) -> int: ...
    @property
    def handle(self) -> int: ...

class DeviceArray:
    """C-contiguous memory of a CUDA device; torch.as_tensor and cupy.asarray take it without a copy."""

    def __init__(
        self, shape: Sequence[int], dtype: DTypeLike, *, device: int = 0, stream: int = 0
    ) -> None: ...
    @staticmethod
    def from_host(array: ArrayLike, *, device: int = 0, stream: int = 0) -> DeviceArray: ...
    @staticmethod
    def zeros(shape: Sequence[int], dtype: DTypeLike, *, device: int = 0, stream: int = 0) -> DeviceArray: ...
    @staticmethod
    def borrow(array: SupportsCuda, *, stream: int | None = None) -> DeviceArray: ...
    def rows(self, start: int, stop: int) -> DeviceArray: ...
    def reshape(self, shape: Sequence[int]) -> DeviceArray: ...
    def to_host(self) -> NDArray[Any]: ...
    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]: ...
    def __len__(self) -> int: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def ndim(self) -> int: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def device(self) -> int: ...
    @property
    def stream(self) -> int: ...
    @property
    def pointer(self) -> int: ...
    @property
    def __cuda_array_interface__(self) -> dict[str, Any]: ...

def face_input(
    faces: Array,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    color: str,
    dtype: str,
    out: Array | None = None,
    stream: int | None = None,
) -> Any: ...
def local_contrast(faces: Array, *, out: Array | None = None, stream: int | None = None) -> Any: ...
def dropout_expand(
    h: Array, *, passes: int, dropout: float, seed: int, out: Array | None = None, stream: int | None = None
) -> Any: ...
def dropout_masks(features: int, *, passes: int, dropout: float, seed: int) -> NDArray[np.bool_]: ...
def pair_spread(embeddings: Array, *, out: Array | None = None, stream: int | None = None) -> Any: ...
def cam_masks(
    activations: Array,
    face: Array,
    channels: NDArray[np.int64],
    *,
    dtype: str,
    align_corners: bool,
    scale_first: bool,
    subtract_min: bool,
    relu: bool,
    out: Array | None = None,
    stream: int | None = None,
) -> Any: ...
def cam_constant(
    activations: Array, *, relu: bool, out: Array | None = None, stream: int | None = None
) -> Any: ...
def cam_combine(
    activations: Array,
    weights: Array,
    *,
    height: int,
    width: int,
    align_corners: bool,
    relu_activations: bool,
    relu: bool,
    upsample_first: bool,
    minmax_twice: bool,
    out: Array | None = None,
    stream: int | None = None,
) -> tuple[Any, Any, Any]: ...
def pixel_quality(
    gradient: Array,
    scale: Array,
    contrast: Array | None = None,
    *,
    gamma: float,
    clip: float | None,
    out: Array | None = None,
    stream: int | None = None,
) -> tuple[Any, Any, Any]: ...
def pixel_moments(maps: Array, mean: Array, m2: Array, *, count: int, stream: int | None = None) -> int: ...
def pixel_moments_merge(
    mean: Array,
    m2: Array,
    count: int,
    other_mean: Array,
    other_m2: Array,
    other_count: int,
    *,
    stream: int | None = None,
) -> int: ...
def pixel_range(maps: Array, *, out: Array | None = None, stream: int | None = None) -> Any: ...
def pixel_histogram(maps: Array, counts: Array, *, stream: int | None = None) -> None: ...
def pixel_histogram_merge(counts: Array, other: Array, *, stream: int | None = None) -> None: ...
def pixel_histogram_quantile(
    counts: Array, q: float, *, out: Array | None = None, stream: int | None = None
) -> Any: ...
def pixel_median(maps: Array, *, out: Array | None = None, stream: int | None = None) -> Any: ...
def row_power(
    x: Array, weights: Array | None = None, *, out: Array | None = None, stream: int | None = None
) -> Any: ...
def row_cosine(
    x: Array,
    references: Array,
    index: Array | None = None,
    *,
    out: Array | None = None,
    stream: int | None = None,
) -> Any: ...
def crop_net(
    crops: NDArray[np.uint8],
    layers: NDArray[np.int64],
    parameters: NDArray[np.float32],
    *,
    out: Array | None = None,
) -> NDArray[np.float32]: ...
def pnet(
    picture: NDArray[np.uint8], parameters: NDArray[np.float32], *, out: Array | None = None
) -> NDArray[np.float32]: ...
def resize_boxes(
    picture: NDArray[np.uint8],
    boxes: NDArray[np.int64],
    *,
    height: int,
    width: int,
    out: Array | None = None,
) -> NDArray[np.uint8]: ...
