"""Options that methods declare: their types and ranges, from Python and from the command line, and into a table's record."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.quality import (
    MethodOptions,
    Quality,
    check_options,
    create_method,
    create_methods,
    declared_options,
    method_names,
    option,
)
from fiqx_trt.quality.base import METHODS, method_parameters, parse_options
from fiqx_trt.quality.options import checked_values


@dataclass(frozen=True)
class Every:
    """One option of every kind."""

    name: ClassVar[str] = "every"
    higher_is_better: ClassVar[bool] = False
    needs_model: ClassVar[bool] = False
    columns: ClassVar[tuple[str, ...]] = ("every",)

    flag: bool = option(False, help="A flag.")
    count: int = option(3, help="A count.", low=1)
    share: float = option(0.5, help="A share.", low=0, high=1, open=True)
    word: str = option("red", help="A word.", choices=("red", "blue"))
    file: Path | None = option(None, kind=Path, help="A file.")
    text: str = option("", help="Any text.")
    limit: float | None = option(None, kind=float, help="A limit.", high=9.5)

    def __post_init__(self) -> None:
        check_options(self)

    @property
    def parameters(self) -> dict[str, object]:
        return {"every.share": "its own words"}

    def notes(self, model: object) -> tuple[str, ...]:
        return ()

    def score(self, model: object, faces: np.ndarray, extracted: object) -> Quality:
        return Quality(np.zeros(len(faces)))


@pytest.fixture
def every(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(METHODS, "builtin", {**METHODS.builtin, "every": f"{__name__}:Every"})


def test_an_option_tells_what_it_takes() -> None:
    assert [str(one) for one in declared_options(Every)] == [
        "flag (true or false; default False)",
        "count (an integer of at least 1; default 3)",
        "share (a number between 0 and 1, both excluded; default 0.5)",
        "word (one of red, blue; default red)",
        "file (a file)",
        "text (text; default )",
        "limit (a number of at most 9.5)",
    ]


def test_values_of_python_become_the_options_type() -> None:
    given = {"count": np.int64(7), "share": np.float32(0.25), "file": "a.txt", "limit": 3, "flag": True}
    found = checked_values("every", Every, given)
    assert found == {"count": 7, "share": 0.25, "file": Path("a.txt"), "limit": 3.0, "flag": True}
    assert [type(value) for value in found.values()][:2] == [int, float]
    assert checked_values("every", Every, {"limit": None}) == {"limit": None}


@pytest.mark.usefixtures("every")
def test_texts_of_the_command_line_become_values() -> None:
    texts = ["flag=true", "count=12", "share=1e-1", "word=blue", "file=a=b.txt", "text=", "limit=-2"]
    assert parse_options([f"every.{text}" for text in texts]) == {
        "every": {
            "flag": True,
            "count": 12,
            "share": 0.1,
            "word": "blue",
            "file": Path("a=b.txt"),
            "text": "",
            "limit": -2.0,
        }
    }


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("flag", 1, "every.flag is 1; give true or false"),
        ("count", 0, "every.count is 0; give an integer of at least 1"),
        ("count", 1.5, "every.count is 1.5; give an integer of at least 1"),
        ("count", True, "every.count is True; give an integer"),
        ("count", "4", "every.count is '4'; give an integer"),
        ("count", None, "every.count is None; give an integer"),
        ("share", 1, "every.share is 1; give a number between 0 and 1, both excluded"),
        ("share", float("nan"), "every.share is nan; give a number"),
        ("limit", float("-inf"), "every.limit is -inf; give a number of at most 9.5"),
        ("word", "green", "every.word is 'green'; choose one of red, blue"),
        ("file", 3, "every.file is 3; give a file"),
    ],
)
def test_wrong_values_say_what_is_wanted(name: str, value: object, message: str) -> None:
    with pytest.raises(InvalidInputError, match=re.escape(message)) as caught:
        checked_values("every", Every, {name: value})
    assert f"--option every.{name}=VALUE; in Python: options={{'every': {{'{name}': …}}}}" in str(
        caught.value
    )
    with pytest.raises(InvalidInputError, match=re.escape(message.removeprefix("every."))):
        Every(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: create_method("serfiq", {"pass": 3}),
            "serfiq has no option 'pass'; the options of serfiq are passes (an",
        ),
        (lambda: create_method("flip", {"x": 3}), "flip has no option 'x'; flip has no options"),
        (
            lambda: create_method("onnx:f.onnx", {"x": 3}),
            "onnx:f.onnx has no option 'x'; onnx:f.onnx has no options",
        ),
        (
            lambda: create_methods(["magface", "flip"], {"serfiq": {"dropout": 0.3}}),
            "options are given for 'serfiq', which is not among the methods magface, flip; add it (--method serfiq), or",
        ),
        (
            lambda: create_methods(["serfiq"], {"serfiq": 3}),  # type: ignore[dict-item]
            "options['serfiq'] is 3; give options by name",
        ),
        (
            lambda: create_methods(["serfiq"], ["serfiq.dropout=0.3"]),  # type: ignore[arg-type]
            "options is ['serfiq.dropout=0.3']; give method, option and value, such as {'serfiq': {'dropout': 0.3}}",
        ),
        (lambda: parse_options(["serfiq"]), "--option is 'serfiq'; give METHOD.OPTION=VALUE (there are "),
        (lambda: parse_options(["dropout=1"]), "--option is 'dropout=1'; give METHOD.OPTION=VALUE"),
        (
            lambda: parse_options(["serfiq.seed=x"]),
            "serfiq.seed is 'x'; give an integer from 0 to 18446744073709551615",
        ),
        (lambda: parse_options(["serfiq.seed=1", "serfiq.seed=2"]), "--option serfiq.seed is given twice"),
        (
            lambda: parse_options(["beauty.x=1"]),
            "no quality method is called 'beauty'; there are brisque, flip",
        ),
    ],
)
def test_what_does_not_exist_is_one_line_that_lists_what_does(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        call()


def test_a_malformed_option_lists_all_there_are() -> None:
    with pytest.raises(
        InvalidInputError, match=r"brisque\.halving, .*serfiq\.passes, serfiq\.dropout, serfiq\.seed"
    ):
        parse_options(["x"])


def test_options_reach_their_method_alone() -> None:
    one, other = create_methods(["serfiq", "flip", "serfiq"], {"serfiq": {"dropout": 0.3}})
    assert (one.parameters["serfiq.dropout"], other.name) == (0.3, "flip")
    one, _ = create_methods(["serfiq", "flip"], MethodOptions(dropout=0.2))
    assert one.parameters["serfiq.dropout"] == 0.2


def test_every_option_is_in_the_record_of_a_table() -> None:
    """What a method does not record itself is recorded for it, and a path is text."""
    told = method_parameters(Every(file=Path("a") / "b"))
    assert told == {
        "every.share": "its own words",
        "every.flag": False,
        "every.count": 3,
        "every.word": "red",
        "every.file": str(Path("a") / "b"),
        "every.text": "",
        "every.higher_is_better": False,
    }


@pytest.mark.parametrize("name", [name for name in method_names() if name in METHODS.builtin])
def test_the_records_of_the_methods_here_stay_as_they_are(name: str) -> None:
    """A table of an earlier version goes on: its configuration holds these settings and no other."""
    method = create_method(name)
    assert list(method_parameters(method)) == list(method.parameters)
    assert all(one.help.endswith(".") for one in declared_options(method))
