"""Processor features and CUDA devices of this machine, found without loading a framework."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
from pathlib import Path

__all__ = ["cpu_count", "cpu_signature", "cuda_missing", "has_bf16"]


@functools.cache
def _cpu_fields() -> dict[str, str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    first = text.split("\n\n", 1)[0]
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {key.strip().lower(): value.strip() for key, value in pairs}


def has_bf16() -> bool:
    """Return whether the processor multiplies bfloat16 natively: AMX tiles or AVX-512 dot products.

    AMX is about six times as fast as float32, and the AVX-512 dot product measured twice as fast on a Zen 4
    (``benchmarks/bench_runtime.py``). Processors that would emulate bfloat16 do not count.
    """
    flags = _cpu_fields().get("flags", "").split()
    return "amx_bf16" in flags or "avx512_bf16" in flags


def cpu_count() -> int:
    """Return the number of processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_signature() -> str:
    """Return a name for this kind of processor: its model and a hash of its features."""
    fields = _cpu_fields()
    model = fields.get("model name") or platform.processor() or platform.machine()
    features = fields.get("flags", fields.get("features", ""))
    return f"{model} {hashlib.sha256(features.encode()).hexdigest()[:8]}"


@functools.cache
def cuda_missing() -> str | None:
    """Return why no CUDA device can be used, or None when there is one.

    Calls the driver itself: no heavy package is imported, and some CUDA libraries crash at first use without a driver.
    """
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "no CUDA driver (libcuda.so.1) on this machine"
    status = driver.cuInit(0)
    if status:
        return f"the CUDA driver does not start (cuInit returned {status})"
    count = ctypes.c_int(0)
    status = driver.cuDeviceGetCount(ctypes.byref(count))
    if status or count.value < 1:
        return "the CUDA driver sees no device"
    return None
