"""An installed package gives the same bits on emulated processors: without AVX, with AVX2, and on this one.

``python scripts/wheels/processors.py`` tries the package that the Python running this imports, where qemu-x86_64 is installed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

#: x86-64 without AVX, and with AVX2 and FMA; qemu 7.2 emulates no AVX-512.
PROCESSORS = ("Nehalem", "Haswell")
PROGRAM = """
import hashlib
import numpy as np
from fiqx_trt import kernels
rng = np.random.default_rng(0)
def normal(*shape): return rng.standard_normal(shape).astype(np.float32)
faces = rng.integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)
mean, m2 = np.zeros((112, 112)), np.zeros((112, 112))
kernels.pixel_moments(normal(9, 112, 112), mean, m2, count=0)
quality = kernels.pixel_quality(normal(2, 3, 112, 112) * 1e-3, np.ones(2), gamma=7.5)
results = [
    mean, m2, quality.maps, quality.saliency, kernels.local_contrast(faces),
    kernels.face_input(faces, mean=127.5, std=128.0), kernels.face_input(faces, mean=127.5, std=128.0, dtype="float16"),
    kernels.pair_spread(normal(2, 100, 512)), kernels.cam_masks(normal(16, 7, 7), normal(3, 112, 112)),
    kernels.pixel_median(normal(9, 112, 112)), kernels.pixel_range(normal(9, 112, 112)),
]
print(hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in results)).hexdigest())
"""


def compare(python: Path, environment: dict[str, str] | None = None) -> str:
    """Run kernels on this processor and on emulated ones; returns on which the results were the same.

    Raises
    ------
    RuntimeError
        If an emulated processor meets an instruction that it does not have, or gives another result.
    """
    emulator = shutil.which("qemu-x86_64")
    if emulator is None:
        return "not compared: qemu-x86_64 is not installed"
    wanted = digest([str(python)], environment)
    for processor in PROCESSORS:
        found = digest([emulator, "-cpu", processor, str(python)], environment)
        if found != wanted:
            raise RuntimeError(f"the kernels give other bits on {processor}")
    return ", ".join(("this one", *PROCESSORS))


def digest(command: list[str], environment: dict[str, str] | None) -> str:
    """Return the hash of what the kernels compute under a command."""
    line = [*command, "-c", PROGRAM]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ends with {done.returncode}:\n{done.stderr}")
    return done.stdout.strip()


if __name__ == "__main__":
    print("the same bits on:", compare(Path(sys.executable)))
