"""A wheel is installed into an empty environment and used, with a PATH that holds no compiler.

``python scripts/wheels/trial.py WHEEL`` tries one with the Python that runs this.
"""

from __future__ import annotations

import csv
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import processors

COMPILERS = ("cc", "c++", "gcc", "g++", "clang", "clang++", "cmake", "ninja", "make", "nvcc", "ld")
PICTURE = "from skimage.data import astronaut; from PIL import Image; Image.fromarray(astronaut()).save('astronaut.png')"
IMPORT = "import fiqx_trt, sys; assert 'site-packages' in fiqx_trt.__file__; print(fiqx_trt.__version__)"


def try_wheel(wheel: Path, interpreter: Path) -> dict[str, object]:
    """Install a wheel with its extra `demo`, run doctor and demo, score a picture; returns what was measured.

    Raises
    ------
    RuntimeError
        If a compiler can be found on the PATH, a command fails, or the picture has no quality between 0 and 1.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(folder, interpreter, "-m", "venv", folder / "env")
        found = [tool for tool in COMPILERS if shutil.which(tool, path=str(folder / "env" / "bin"))]
        if found:
            raise RuntimeError(f"the PATH of the trial holds {', '.join(found)}")
        python = folder / "env" / "bin" / "python"
        run(folder, python, "-m", "pip", "install", "--quiet", "--upgrade", "pip")
        run(folder, python, "-m", "pip", "install", "--quiet", f"{wheel}[demo]")
        return {
            "import_s": import_seconds(folder, python),
            "same_bits_on": processors.compare(python),
            "doctor": doctor(folder),
            **use(folder, python),
        }


def doctor(folder: Path) -> str:
    """Run the doctor; returns what it says of the kernels."""
    told = json.loads(run(folder, "fiqx-trt", "doctor", "--json"))
    return str(next(line["detail"] for line in told if line["part"] == "kernels"))


def use(folder: Path, python: Path) -> dict[str, object]:
    """Run the demo and score a picture; returns its quality and the time of the demo."""
    begin = time.perf_counter()
    run(folder, "fiqx-trt", "demo", "--out", "demo-out")
    demo_s = round(time.perf_counter() - begin, 1)
    if not (folder / "demo-out" / "report.html").is_file():
        raise RuntimeError("the demo wrote no report.html")
    run(folder, python, "-c", PICTURE)
    run(folder, "fiqx-trt", "score", "astronaut.png", "--model", "dlib-resnet", "--out", "scores.csv")
    with (folder / "scores.csv").open(encoding="utf-8", newline="") as table:
        (row,) = csv.DictReader(table)
    quality = float(row["serfiq"]) if row["status"] == "ok" else math.nan
    if not 0 < quality <= 1:
        raise RuntimeError(f"the picture's row is {row}")
    return {"serfiq": quality, "demo_s": demo_s}


def import_seconds(folder: Path, python: Path) -> float:
    """Return the processor time of a program that imports fiqx_trt, less that of an empty one; the least of five."""

    def least(program: str) -> float:
        times = []
        for _ in range(5):
            begin = resource.getrusage(resource.RUSAGE_CHILDREN)
            run(folder, python, "-c", program)
            end = resource.getrusage(resource.RUSAGE_CHILDREN)
            times.append(end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime)
        return min(times)

    return round(least(IMPORT) - least("pass"), 3)


def run(folder: Path, *command: str | Path) -> str:
    """Run a command of the environment in the folder, with nothing else on the PATH; returns its standard output."""
    binaries = folder / "env" / "bin"
    words = [str(word) for word in command]
    if (binaries / words[0]).exists():
        words[0] = str(binaries / words[0])
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "LC_"))}
    own = {"PATH": str(binaries), "HOME": str(folder), "FIQX_OFFLINE": "1", "COLUMNS": "200"}
    done = subprocess.run(words, cwd=folder, env=kept | own, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)} ends with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    print(json.dumps(try_wheel(Path(sys.argv[1]).resolve(), Path(sys.executable)), indent=2))
