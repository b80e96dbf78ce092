"""The checks that a change must pass, in the environment they are started from: ``nox`` runs all of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["check", "test"]

PYTHON = [
    "python",
    "onnx_export",
    "tests",
    "benchmarks",
    "cuda",
    "scripts",
    "scripts/gpu_check",
    "noxfile.py",
]


@nox.session
def check(session: nox.Session) -> None:
    """Lint, format, types and import layers."""
    session.run("ruff", "check", *PYTHON)
    session.run("ruff", "format", "--check", *PYTHON)
    native = [
        str(p)
        for folder in ("cpp", "cuda", "python/bindings")
        for p in sorted(Path(folder).rglob("*"))
        if p.suffix in {".cpp", ".hpp", ".h", ".cu", ".cuh"}
    ]
    session.run("clang-format", "--dry-run", "--Werror", *native)
    session.run("mypy")
    session.run("lint-imports")


@nox.session
def native(session: nox.Session) -> None:
    """Build without CUDA, with sanitizers and, where nvcc is found, with CUDA; run the C++ tests of each."""
    for preset in ["cpu", "asan", "cuda"] if shutil.which("nvcc") else ["cpu", "asan"]:
        session.run("cmake", "--preset", preset)
        session.run("cmake", "--build", "--preset", preset)
        session.run("ctest", "--preset", preset)


@nox.session
def emulated(session: nox.Session) -> None:
    """Run the CUDA kernels on the CPU (cuda/emulation): the tests marked cuda."""
    session.run("cmake", "--preset", "emulated")
    session.run("cmake", "--build", "--preset", "emulated")
    session.run("ctest", "--preset", "emulated")
    core = next(Path("build/emulated").glob("_core*.so"))
    chosen = {"FIQX_CORE": str(core.resolve()), "FIQX_REQUIRE_CUDA": "1"}
    real = "--ignore=tests/runtime/test_cuda.py"  # what only a GPU can tell
    session.run("python", "-m", "pytest", "-q", "-m", "cuda", "tests", real, env=chosen)


@nox.session
def test(session: nox.Session) -> None:
    """Run the tests; benchmarks run once, as smoke tests."""
    session.run("python", "-m", "pytest", *session.posargs)
