"""What importing the package costs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HEAVY = (
    "torch",
    "tensorrt",
    "pycuda",
    "openvino",
    "onnxruntime",
    "onnx",
    "cv2",
    "matplotlib",
    "pyarrow",
    "ray",
    "typer",
    "rich",
)


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_package_loads_numpy_and_the_extension_only() -> None:
    loaded = run(f"import sys, fiqx_trt; print(sorted(set(sys.modules) & set({HEAVY!r})))")
    assert loaded == "[]"


def test_every_public_name_is_there() -> None:
    assert (
        run("import fiqx_trt as fx; print(all(getattr(fx, name) is not None for name in fx.__all__))")
        == "True"
    )


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert "has no attribute 'nothing'" in run(
        "import fiqx_trt\ntry: fiqx_trt.nothing\nexcept AttributeError as error: print(error)"
    )


def test_opencv_is_imported_in_one_place_which_sets_its_limits() -> None:
    package = Path(__file__).resolve().parents[1] / "python" / "fiqx_trt"
    found = [
        path
        for path in package.rglob("*.py")
        if re.search(r"^\s*(import|from) cv2\b", path.read_text(), re.M)
    ]
    assert [path.name for path in found] == ["opencv.py"]


def test_the_commands_declare_their_options_without_a_network() -> None:
    heavy = {*HEAVY} - {"typer", "rich"}
    assert run(f"import sys, fiqx_trt.cli.main; print(sorted(set(sys.modules) & {heavy!r}))") == "[]"
