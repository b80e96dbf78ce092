"""What other packages register is found, marked where it cannot be used, and never hurts what works."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from fiqx_trt.errors import InvalidInputError, PluginError, SourceError
from fiqx_trt.evaluate.score_tables import known_direction
from fiqx_trt.faces.detect import DETECTORS, open_detector
from fiqx_trt.faces.prepare import FaceRecord
from fiqx_trt.importers import FORMATS, read_scores
from fiqx_trt.quality.base import METHODS, create_method, method_names
from fiqx_trt.registry import Registry
from fiqx_trt.runs import Scorer
from fiqx_trt.runtime import AUTO, BACKENDS, available_backends, open_session
from runtime.small_nets import images, residual_net
from support.distributions import install

TABLES = (METHODS, DETECTORS, FORMATS, BACKENDS)
Installer = Callable[..., Path]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    """Install a package for the length of a test."""

    def add(
        name: str, version: str, points: Mapping[str, Mapping[str, str]], modules: Mapping[str, str]
    ) -> Path:
        folder = install(tmp_path / name, name, version, points, modules)
        for module in modules:
            monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.syspath_prepend(str(folder))
        return folder

    return add


def table() -> Registry:
    return Registry("number", "tests.numbers", {"pi": "math:pi"}, required=("real",), reserved=("auto",))


@pytest.mark.parametrize("registry", TABLES, ids=lambda one: one.kind)
def test_every_builtin_name_is_there(registry: Registry) -> None:
    for target in registry.builtin.values():
        module, _, attribute = target.partition(":")
        assert importlib.util.find_spec(module), target
        if not module.startswith("fiqx_trt.runtime."):  # those import packages that may be absent
            assert hasattr(importlib.import_module(module), attribute)


def test_listing_imports_nothing(installed: Installer) -> None:
    installed("more", "1.2", {"tests.numbers": {"e": "more_numbers:e"}}, {"more_numbers": "raise SystemExit"})
    numbers = table()
    assert list(numbers) == ["pi", "e"]
    assert (len(numbers), "e" in numbers, numbers["e"], numbers["pi"]) == (
        2,
        True,
        "more_numbers:e",
        "math:pi",
    )
    (one,) = numbers.extensions()
    assert (one.name, one.origin, one.fault) == ("e", "more 1.2", "")
    assert "more_numbers" not in sys.modules


def test_what_another_package_registers_is_loaded(installed: Installer) -> None:
    installed(
        "more", "1.2", {"tests.numbers": {"e": "more_numbers:A.e"}}, {"more_numbers": "class A: e = 2.7"}
    )
    assert table().load("e") == 2.7


@pytest.mark.parametrize(
    ("target", "source", "fault"),
    [
        ("more_numbers:e", "import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("more_numbers:e", "raise RuntimeError('line one\\nline two')", "RuntimeError: line one line two"),
        ("more_numbers:e", "raise SystemExit(3)", "SystemExit: 3"),
        ("more_numbers:e", "", "AttributeError: module 'more_numbers' has no attribute 'e'"),
        ("more_numbers:e", "def (", "SyntaxError: "),
        ("more_numbers:e", "e = 'text'", "more_numbers:e has no real"),
    ],
)
def test_what_cannot_be_imported_is_one_line(
    installed: Installer, target: str, source: str, fault: str
) -> None:
    installed("more", "1.2", {"tests.numbers": {"e": target}}, {"more_numbers": source})
    with pytest.raises(PluginError) as caught:
        table().load("e")
    text = str(caught.value)
    assert text.startswith("the number 'e' of more 1.2 cannot be used: ")
    assert fault in text
    assert "\n" not in text
    assert table().load("pi") > 3


@pytest.mark.parametrize("name", ["pi", "auto", "a:b", "a,b"])
def test_a_name_that_cannot_be_taken_is_marked_and_changes_nothing(installed: Installer, name: str) -> None:
    installed("more", "1.2", {"tests.numbers": {name.replace(":", "\\:"): "cmath:tau"}}, {})
    numbers = table()
    (one,) = numbers.extensions()
    assert one.fault.startswith(("fiqx_trt has that name itself", "a name has no colon"))
    assert list(numbers) == ["pi"]
    assert numbers.load("pi") == pytest.approx(3.14159, abs=1e-4)
    with pytest.raises(PluginError, match=r"of more 1.2 cannot be used"):
        numbers.load_extension(one)


def test_a_name_of_two_packages_belongs_to_none(installed: Installer) -> None:
    for package, version in (("one", "1"), ("two", "2")):
        installed(package, version, {"tests.numbers": {"e": "math:e", f"e{version}": "math:e"}}, {})
    numbers = table()
    assert list(numbers) == ["pi", "e1", "e2"]
    assert [one.fault for one in numbers.extensions()] == [
        "two 2 registers the same name; uninstall one",
        "one 1 registers the same name; uninstall one",
        "",
        "",
    ]
    with pytest.raises(PluginError, match="the number 'e' of one 1 cannot be used: two 2 registers the same"):
        numbers.load("e")


def test_an_unknown_name_lists_all(installed: Installer) -> None:
    installed("more", "1.2", {"tests.numbers": {"e": "math:e"}}, {})
    with pytest.raises(InvalidInputError, match=r"no number is called 'x'; there are e, pi$"):
        table().load("x")


BROKEN = {
    "fiqx_trt.quality": {"worst": "broken_extension:Method", "serfiq": "broken_extension:Method"},
    "fiqx_trt.detectors": {"worst": "broken_extension:Detector"},
    "fiqx_trt.importers": {"worst": "broken_extension:read"},
    "fiqx_trt.backends": {"worst": "broken_extension"},
}


def test_a_broken_package_hurts_nothing_else(installed: Installer, tmp_path: Path) -> None:
    installed("broken", "0.1", BROKEN, {"broken_extension": "import no_such_module"})
    asks: list[Callable[[], object]] = [
        lambda: create_method("worst"),
        lambda: open_detector("worst"),
        lambda: read_scores(tmp_path, format="worst"),
        lambda: open_session(residual_net(), backend="worst"),
    ]
    for ask in asks:
        with pytest.raises(
            PluginError, match=r"the .* 'worst' of broken 0.1 cannot be used: broken_extension"
        ):
            ask()
    assert {"serfiq", "worst"} <= set(method_names())
    assert create_method("serfiq").name == "serfiq"
    assert known_direction(tmp_path / "s.csv", "serfiq") is True
    assert known_direction(tmp_path / "s.csv", "worst") is None
    rows = {name: (ready, told) for name, ready, told in available_backends()}
    assert rows["worst"][0] is False
    assert "No module named 'no_such_module'" in rows["worst"][1]
    with open_session(residual_net(), device="cpu", max_batch=1) as session:
        assert session.backend in dict(AUTO)


def test_a_backend_that_fails_when_it_is_asked_is_not_available(installed: Installer) -> None:
    source = "def unavailable(device):\n    raise RuntimeError('no licence')\nopen_graph = None\n"
    installed(
        "licensed", "3", {"fiqx_trt.backends": {"licensed": "licensed_backend"}}, {"licensed_backend": source}
    )
    told = {name: told for name, _, told in available_backends()}["licensed"]
    assert told == "its unavailable('cpu') failed: RuntimeError: no licence"


def test_another_package_can_add_a_backend(installed: Installer) -> None:
    pytest.importorskip("onnxruntime")
    source = (
        "from fiqx_trt.runtime.onnxruntime import open_graph\n\ndef unavailable(device):\n    return None\n"
    )
    installed("added", "1", {"fiqx_trt.backends": {"added": "added_backend"}}, {"added_backend": source})
    with open_session(residual_net(), backend="added", device="cpu", max_batch=1) as session:
        assert session.run({"image": images(1)})
    assert ("added", True, "on cpu") in [(n, ok, told[-6:]) for n, ok, told in available_backends()]


FAILING = """
from fiqx_trt.errors import SourceError

class Method:
    name, higher_is_better, needs_model, columns, parameters = "raises", True, False, ("raises",), {}

    def notes(self, model):
        return ()

    def score(self, model, faces, extracted):
        raise KeyError("weights")

class Tall(Method):
    name, columns = "tall", ("tall",)

    def score(self, model, faces, extracted):
        from fiqx_trt.quality import Quality
        return Quality(faces.mean(axis=(2, 3)).astype(float))

class Unbuildable(Method):
    def __init__(self):
        raise RuntimeError("no licence")

def detector(**options):
    raise OSError("no\\nweights")

def read(path):
    if path.suffix == ".bad":
        raise SourceError("its own words")
    return path.read_text(encoding="utf-8")

def unavailable(device):
    return None

def open_graph(graph, options):
    raise ZeroDivisionError
"""


def test_what_another_package_raises_is_one_line_with_its_name(installed: Installer, tmp_path: Path) -> None:
    points = {
        "fiqx_trt.quality": {
            "raises": "failing:Method",
            "tall": "failing:Tall",
            "unbuildable": "failing:Unbuildable",
        },
        "fiqx_trt.detectors": {"raises": "failing:detector"},
        "fiqx_trt.importers": {"raises": "failing:read"},
        "fiqx_trt.backends": {"raises": "failing"},
    }
    installed("failing-package", "2.0", points, {"failing": FAILING})
    (tmp_path / "scores.txt").write_bytes(b"\xff")
    record = FaceRecord("a", 0, 1, "ok", "", np.zeros((4, 4, 3), np.uint8))
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: create_method("unbuildable"), "it raised RuntimeError: no licence"),
        (lambda: Scorer(None, [create_method("raises")]).measure([record]), "it raised KeyError: 'weights'"),
        (
            lambda: Scorer(None, [create_method("tall")]).measure([record]),
            "it raised ValueError: its score() returned numbers of shape (1, 4) for 1 faces",
        ),
        (lambda: open_detector("raises"), "it raised OSError: no weights"),
        (lambda: read_scores(tmp_path / "scores.txt", format="raises"), "it raised UnicodeDecodeError: "),
        (lambda: open_session(residual_net(), backend="raises", device="cpu"), "it raised ZeroDivisionError"),
    ]
    for call, message in calls:
        with pytest.raises(PluginError) as caught:
            call()
        text = str(caught.value)
        assert re.match(r"the [a-z ]+ '\w+' of failing-package 2\.0 cannot be used: it raised ", text)
        assert message in text
        assert "\n" not in text
    with pytest.raises(SourceError, match="its own words"):
        read_scores(tmp_path / "scores.bad", format="raises")


def test_what_this_package_raises_stays_as_it_is() -> None:
    with pytest.raises(KeyError), METHODS.calling("serfiq"):
        raise KeyError
    with pytest.raises(KeyError), METHODS.calling("nobody"):
        raise KeyError
