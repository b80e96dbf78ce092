"""The official bindings themselves, where somebody unpacked them: drift in a newer release shows here.

``FIQX_TENSORRT_BINDINGS`` names a folder that holds ``tensorrt_bindings/`` (from the wheel ``tensorrt-cu13-bindings``).
They import without TensorRT's libraries once a stub answers for the nine functions they want of them. Nothing of
TensorRT runs: its classes, enumerations and logger are looked at.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fiqx_trt

FOLDER = os.environ.get("FIQX_TENSORRT_BINDINGS")
pytestmark = pytest.mark.skipif(not FOLDER, reason="FIQX_TENSORRT_BINDINGS names no folder with the bindings")

FUNCTIONS = [
    "createInferBuilder_INTERNAL", "createInferRefitter_INTERNAL", "createInferRuntime_INTERNAL",
    "createNvOnnxParserRefitter_INTERNAL", "createNvOnnxParser_INTERNAL", "getBuilderPluginRegistry",
    "getNvOnnxParserVersion", "getPluginRegistry", "initLibNvInferPlugins"
]  # fmt: skip
LIBRARIES = ("nvonnxparser", "nvinfer_plugin", "nvinfer")

LOOK = """
import sys
import tensorrt_bindings as trt
sys.modules["tensorrt"] = trt
from fiqx_trt.runtime.tensorrt import compat, logger
from runtime.tensorrt.test_signatures import USES

assert compat.load() is trt
assert compat.unsupported(trt) is None
assert compat.network_flags(trt) == 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
log, severity = logger.get_logger(trt), trt.ILogger.Severity
assert isinstance(log, trt.ILogger)
for level in (severity.INTERNAL_ERROR, severity.ERROR, severity.WARNING, severity.INFO, severity.VERBOSE):
    log.log(level, f"said {level.name}")
assert logger.tail(log, 9) == "said INTERNAL_ERROR | said ERROR | said WARNING"
names = ("FLOAT", "HALF", "INT64", "INT32", "INT8", "UINT8", "BOOL")
assert [compat.dtype_of(getattr(trt.DataType, name)).itemsize for name in names] == [4, 2, 8, 4, 1, 1, 1]
assert {trt.TensorIOMode.INPUT: 1}[trt.TensorIOMode.INPUT] == 1
assert tuple(trt.Dims([1, 2, -1])) == (1, 2, -1)
lacking = [use[:3] for use in USES if use[2] != "__init__" and not hasattr(getattr(trt, use[1]), use[2])]
assert lacking == [], lacking
print("looked at", trt.__version__)
"""


@pytest.mark.parametrize("major", [10, 11])
def test_what_the_source_uses_is_there(tmp_path: Path, major: int) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    assert FOLDER is not None
    (extension,) = Path(FOLDER).glob("tensorrt_bindings/tensorrt*.so")
    if f"libnvinfer.so.{major}".encode() not in extension.read_bytes():
        pytest.skip(f"these bindings are not of version {major}")
    source = tmp_path / "stub.c"
    source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in FUNCTIONS))
    for name in LIBRARIES:
        library = f"lib{name}.so.{major}"
        build = [compiler, "-shared", "-fPIC", f"-Wl,-soname,{library}", "-o", tmp_path / library, source]
        subprocess.run(build, check=True)
    paths = [FOLDER, str(Path(fiqx_trt.__file__).parents[1]), str(Path(__file__).parents[2])]
    variables = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path), "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, "-c", LOOK], env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"looked at {major}.")
