"""The laws (marker ``law``) hold whatever kernels the processor makes NumPy's BLAS choose."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
MARK = "@pytest.mark.law"
FILES = sorted(
    str(p) for p in TESTS.rglob("test_*.py") if MARK in p.read_text(encoding="utf-8") and p != Path(__file__)
)
# A product that would end the process on a processor without the kernel's instructions, then the kernel's name.
PROBE = """
import json, numpy, threadpoolctl
square = numpy.ones((96, 96), numpy.float32)
assert (square @ square == 96).all()
print(json.dumps([lib.get("architecture") for lib in threadpoolctl.threadpool_info() if lib["user_api"] == "blas"]))
"""


def run(kernel: str | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    if kernel is not None:
        environment["OPENBLAS_CORETYPE"] = kernel
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def chosen(kernel: str | None) -> set[str]:
    """Return the kernels that run where one is asked for; none where its instructions are missing."""
    probe = run(kernel, "-c", PROBE)
    return set(json.loads(probe.stdout)) if probe.returncode == 0 else set()


@pytest.mark.parametrize("kernel", ["Sandybridge", "Haswell", "Zen", "SkylakeX"])
def test_laws_hold_under_every_kernel(kernel: str) -> None:
    if chosen(None) == {kernel}:
        pytest.skip(f"{kernel} is what this processor chooses, so every test runs it")
    found = chosen(kernel)
    if found != {kernel}:
        pytest.skip(f"this processor and this NumPy have no BLAS kernel {kernel}; they run {found or 'none'}")
    laws = run(kernel, "-m", "pytest", "-q", "-m", "law and not cuda", "-p", "no:cacheprovider", *FILES)
    assert laws.returncode == 0, laws.stdout[-6000:] + laws.stderr[-2000:]
