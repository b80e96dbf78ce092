"""The emulated CUDA build: what its translation refuses, and that nobody takes it for a card."""

from __future__ import annotations

import importlib.util
import json
import types
from pathlib import Path

import pytest

from fiqx_trt import _core
from fiqx_trt.cli import doctor

TRANSLATE = Path(__file__).resolve().parents[1] / "cuda" / "emulation" / "translate.py"


@pytest.fixture(scope="module")
def translate() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("translate", TRANSLATE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("cuda", "cpp"),
    [
        ("f<<<g, 32>>>(x);", '::emulated::Launch(g, 32).kernel("f", f)(x);'),
        (
            "f<int, 4><<<g, 32, 0, s>>>();",
            '::emulated::Launch(g, 32, 0, s).kernel("f<int, 4>", f<int, 4>)();',
        ),
        ("__shared__ float x[4][33];", "auto& x = ::emulated::shared<float[4][33]>([] {});"),
        ("__shared__ body::Limits all;", "auto& all = ::emulated::shared<body::Limits>([] {});"),
        (
            "extern __shared__ __align__(16) unsigned char raw[];",
            "auto* const raw = ::emulated::dynamic_shared<unsigned char>();",
        ),
        ("// <<< and __shared__ in words", "// <<< and __shared__ in words"),
    ],
)
def test_translation(translate: types.ModuleType, cuda: str, cpp: str) -> None:
    assert translate.translate(cuda) == cpp


@pytest.mark.parametrize("cuda", ["__shared__ int a, b;", "(*f)<<<1, 1>>>();", "int __shared__ a;"])
def test_an_unknown_form_ends_the_build(translate: types.ModuleType, cuda: str) -> None:
    with pytest.raises(ValueError, match=r"line 2: .* in a form that translate\.py does not know: "):
        translate.translate("\n" + cuda)


def test_doctor_tells(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(_core, "cuda_built", True)
    monkeypatch.setattr(_core, "cuda_emulated", True)
    doctor.doctor(as_json=True, quick=True)
    kernels = {
        "part": "kernels",
        "state": "ok",
        "detail": "CPU; CUDA is emulated on the CPU, which is for tests",
    }
    assert kernels in json.loads(capfd.readouterr().out)
