"""Kernels beside a copy within the device, for `gpu_check`, on operands that other calls have pushed out of the cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from gpu_timing import DEVICE, DRY, Report, copy_rate, launch_seconds, turns

#: A kernel's bytes that must be read and written once, and the call on a new set of operands.
Made = tuple[int, Callable[[], Any]]
SIDE = 112
#: Images, masks and maps; feature rows; passes.
IMAGES, MASKS, MAPS, ROWS, PASSES = (4, 4, 8, 2, 4) if DRY else (1024, 512, 16384, 64, 100)
#: The least share of the copy's rate that each is to reach; kernels bound by something else have no promise.
PROMISES = {
    "face_input": 0.8, "face_input float16": 0.8, "dropout_expand": 0.8, "pixel_quality": 0.8, "local_contrast": 0.8,
    "pixel_moments": 0.8, "pixel_histogram": 0.8,
}  # fmt: skip


def given(tensor: Any) -> Any:
    """Return a tensor as the kernels take it: on the processor they take NumPy arrays."""
    return tensor if DEVICE == "cuda" else tensor.numpy()


def normal(*shape: int) -> Any:
    import torch

    return given(torch.randn(*shape, device=DEVICE))


def new(*shape: int, dtype: str = "float32") -> Any:
    import torch

    return given(torch.zeros(*shape, device=DEVICE, dtype=getattr(torch, dtype)))


def uniform(*shape: int) -> Any:
    import torch

    return given(torch.rand(*shape, device=DEVICE))


def faces() -> Any:
    import torch

    return given(torch.randint(0, 256, (IMAGES, SIDE, SIDE, 3), device=DEVICE, dtype=torch.uint8))


def face_input(dtype: str, color: str = "rgb") -> Made:
    """Return the conversion of faces: by a table of the bytes' values, in grey by the formula for each pixel."""
    from fiqx_trt import kernels

    x, out = faces(), new(IMAGES, 3, SIDE, SIDE, dtype=dtype)
    options = {"mean": 127.5, "std": 127.5, "color": color, "dtype": dtype}
    return x.nbytes + out.nbytes, lambda: kernels.face_input(x, **options, out=out)


def dropout_expand() -> Made:
    from fiqx_trt import kernels

    h, out = normal(ROWS, 25088), new(ROWS * PASSES, 25088)
    return h.nbytes + out.nbytes, lambda: kernels.dropout_expand(h, passes=PASSES, out=out)


def pair_spread() -> Made:
    from fiqx_trt import kernels

    x = normal(IMAGES, PASSES, 512)
    return x.nbytes, lambda: kernels.pair_spread(x)


def cam_masks(dtype: str) -> Made:
    from fiqx_trt import kernels

    channels, face, out = normal(MASKS, 7, 7), normal(3, SIDE, SIDE), new(MASKS, 3, SIDE, SIDE, dtype=dtype)
    return out.nbytes, lambda: kernels.cam_masks(channels, face, dtype=dtype, out=out)


def local_contrast() -> Made:
    from fiqx_trt import kernels

    x = faces()
    return x.nbytes + 4 * IMAGES * SIDE * SIDE, lambda: kernels.local_contrast(x)


def pixel_quality() -> Made:
    from fiqx_trt import kernels

    gradient, scale = normal(IMAGES, 3, SIDE, SIDE), new(IMAGES, dtype="float64")
    scale[...] = 1
    nbytes = gradient.nbytes + 2 * 4 * IMAGES * SIDE * SIDE
    return nbytes, lambda: kernels.pixel_quality(gradient, scale, gamma=7.5)


def pixel_moments() -> Made:
    from fiqx_trt import kernels

    maps, mean, m2 = uniform(MAPS, SIDE, SIDE), *(new(SIDE, SIDE, dtype="float64") for _ in range(2))
    return maps.nbytes, lambda: kernels.pixel_moments(maps, mean, m2, count=0)


def pixel_histogram(bins: int) -> Made:
    """Return the count of maps: up to 256 bins in shared memory, more of them where they are."""
    from fiqx_trt import kernels

    maps, counts = uniform(MAPS, SIDE, SIDE), new(SIDE, SIDE, bins, dtype="uint32")
    return maps.nbytes, lambda: kernels.pixel_histogram(maps, counts)


def pixel_median() -> Made:
    from fiqx_trt import kernels

    maps, out = uniform(MAPS, SIDE, SIDE), new(SIDE, SIDE, dtype="float64")
    return maps.nbytes, lambda: kernels.pixel_median(maps, out=out)


KERNELS: dict[str, Callable[[], Made]] = {
    "face_input": lambda: face_input("float32"),
    "face_input float16": lambda: face_input("float16"),
    "face_input float16, grey (without a table)": lambda: face_input("float16", "gray"),
    "dropout_expand": dropout_expand,
    "pair_spread": pair_spread,
    "cam_masks": lambda: cam_masks("float32"),
    "cam_masks float16": lambda: cam_masks("float16"),
    "local_contrast": local_contrast,
    "pixel_quality": pixel_quality,
    "pixel_moments": pixel_moments,
    "pixel_histogram": lambda: pixel_histogram(256),
    "pixel_histogram, 257 bins (not in shared memory)": lambda: pixel_histogram(257),
    "pixel_median": pixel_median,
}


def measure(report: Report, name: str, make: Callable[[], Made], copy: float) -> None:
    """Time a kernel; its operands are made here, so that one that does not fit costs no other."""
    nbytes, call = make()
    took = launch_seconds([call, *(make()[1] for _ in range(turns(nbytes) - 1))])
    share = nbytes / took / copy
    report.numbers[f"{name}, ms"] = float(np.round(1e3 * took, 4))
    report.numbers[f"{name}, share of the copy"] = round(share, 3)
    if name in PROMISES:
        report.promise(f"{name}, share of the copy", share, PROMISES[name])


def benchmarks(report: Report) -> str:
    """Time each kernel beside a device-to-device copy, measured in the same run."""
    copy = copy_rate()
    report.numbers["device-to-device copy, GB/s"] = round(copy / 1e9)
    for name, make in KERNELS.items():
        report.attempt(name, lambda n=name, m=make: measure(report, n, m, copy))
    return f"copy {copy / 1e9:.0f} GB/s"
