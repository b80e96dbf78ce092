"""A kernel's name is the same in every file that belongs to it; a missing sibling is named here."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STEMS = sorted(path.stem for path in (ROOT / "cpp" / "include" / "fiqx" / "body").glob("*.hpp"))
# Formulas that several kernels share: tested, but no kernels.
SHARED = {"half", "keys", "lanes", "philox", "upsample"}
CPU_ONLY = {"crop_net", "pnet", "resize_boxes"}
KERNELS = sorted({stem for stem in STEMS if stem not in SHARED} | CPU_ONLY)
# Networks have no formula of their own.
WITHOUT = {(stem, "cuda/{}.cu") for stem in CPU_ONLY}
WITHOUT |= {(stem, "cpp/tests/test_{}.cpp") for stem in ("crop_net", "pnet")}
# Kernels whose functions do not begin with their stem.
NAMES = {"row_products": ("row_power", "row_cosine")}
SIBLINGS = (
    "cpp/include/fiqx/{}.hpp",
    "cpp/src/{}.cpp",
    "cpp/tests/test_{}.cpp",
    "cuda/{}.cu",
    "python/bindings/bind_{}.cpp",
    "tests/reference/{}.py",
    "tests/kernels/test_{}.py",
    "benchmarks/bench_{}.py",
)


@pytest.mark.parametrize("stem", KERNELS)
@pytest.mark.parametrize("sibling", SIBLINGS)
def test_a_kernel_has_all_its_files(stem, sibling):
    path = ROOT / sibling.format(stem)
    if (stem, sibling) in WITHOUT:
        assert not path.exists()
        return
    assert path.is_file(), f"kernel {stem} lacks {path.relative_to(ROOT)}"


@pytest.mark.parametrize("folder", ["cpp/src", "cuda", "python/bindings"])
def test_the_build_lists_every_source(folder):
    listed = (ROOT / "CMakeLists.txt").read_text()
    sources = [p for p in (ROOT / folder).iterdir() if p.suffix in {".cpp", ".cu"}]
    missing = [p.name for p in sources if f"{folder}/{p.name}" not in listed]
    assert sources
    assert not missing, f"CMakeLists.txt does not list {missing} of {folder}"


def test_every_kernel_is_public_and_typed():
    from fiqx_trt import kernels

    stub = (ROOT / "python" / "fiqx_trt" / "_core.pyi").read_text()
    for stem in KERNELS:
        for wanted in NAMES.get(stem, (stem,)):
            assert wanted in kernels.__all__, f"kernels offers nothing of {stem}"
            assert f"def {wanted}(" in stub, f"_core.pyi lacks {wanted}"


def test_the_steps_of_one_face_are_in_the_code() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = text.split("## One face, step by step", 1)[1].split("\n## ", 1)[0]
    names = [name for name in re.findall(r"`([a-z_]+(?:\.\w+)+)`", section) if name != "s.csv"]
    assert len(names) > 25
    for name in names:
        assert pkgutil.resolve_name(f"fiqx_trt.{name}") is not None


def test_the_tests_that_the_text_names_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) > 10
    for file, name in named:
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file} has no {name}"
