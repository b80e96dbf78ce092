from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.errors import InvalidInputError, OutputError
from fiqx_trt.rows import Column, RunMeta
from rows.tables import COLUMNS, META

FULL = replace(META, columns=COLUMNS, notes=["tensorrt: no device"], counts={"ok": 2}, rows=2, inputs=2)
FULL = replace(FULL, versions={"python": "3.11.7"})


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "s.csv.meta.json"
    meta = replace(FULL, command_line=["score", "caf\udce9 日", "--quiet"])
    meta.write(path)
    assert RunMeta.read(path) == meta
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert json.loads(path.read_bytes())["columns"]["q"] == "float"


def test_an_older_record_has_no_versions(tmp_path: Path) -> None:
    path = tmp_path / "s.csv.meta.json"
    values = json.loads(FULL.to_json())
    del values["versions"]
    path.write_text(json.dumps(values))
    assert RunMeta.read(path) == replace(FULL, versions={})


@given(st.permutations(list(META.parameters)))
def test_the_order_of_parameters_does_not_matter(names: list[str]) -> None:
    other = replace(FULL, parameters={name: META.parameters[name] for name in names})
    assert other.configuration_sha256 == FULL.configuration_sha256


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": "0.2.0"}, "version was 0.1.0, now 0.2.0"),
        ({"backend": "torch"}, "backend was openvino, now torch"),
        ({"device": "GPU"}, "device was CPU, now GPU"),
        ({"precision": "bf16"}, "precision was fp32, now bf16"),
        ({"parameters": {**META.parameters, "passes": 10}}, "passes was 100, now 10"),
        ({"parameters": {**META.parameters, "mean": [0, 1]}}, r"mean was \[127.5, 127.5\], now \[0, 1\]"),
        ({"parameters": {**META.parameters, "seed": 0}}, "seed was not set, now 0"),
        ({"parameters": {}}, "passes was 100, now not set; dropout was 0.5"),
        ({"columns": COLUMNS[:6]}, "columns was path face faces status error q q_scaled .*, now path face"),
    ],
)
def test_what_changes_a_number_changes_the_hash(change: dict[str, object], message: str) -> None:
    other = replace(FULL, **change)  # type: ignore[arg-type]
    assert other.configuration_sha256 != FULL.configuration_sha256
    with pytest.raises(AssertionError, match=message):
        raise AssertionError("; ".join(FULL.differences(other)))


def test_what_changes_no_number_does_not() -> None:
    other = replace(FULL, command_line=["x"], model="elsewhere.onnx", notes=[], state="complete", resumed=3)
    assert other.configuration_sha256 == FULL.configuration_sha256
    assert FULL.differences(other) == []


def test_order_and_kind_of_columns_count() -> None:
    swapped = replace(FULL, columns=(*COLUMNS[:5], COLUMNS[6], COLUMNS[5], *COLUMNS[7:]))
    retyped = replace(FULL, columns=(*COLUMNS[:-1], Column("note", "int")))
    assert len({meta.configuration_sha256 for meta in (FULL, swapped, retyped)}) == 3


@pytest.mark.parametrize("value", [np.float32(0.5), float("nan"), float("inf"), Path("x")])
def test_settings_are_plain(value: object) -> None:
    with pytest.raises(
        InvalidInputError, match=r"a setting is text, a finite number, a boolean or a list of them"
    ):
        replace(META, parameters={"dropout": value})  # type: ignore[dict-item]


def test_broken_records(tmp_path: Path) -> None:
    path = tmp_path / "s.csv.meta.json"
    with pytest.raises(OutputError, match=r"meta.json is no record of a run \(No such file"):
        RunMeta.read(path)
    path.write_text("{}")
    with pytest.raises(OutputError, match=r"meta.json is no record of a run \(KeyError: 'columns'\)"):
        RunMeta.read(path)
    path.write_text("[")
    with pytest.raises(OutputError, match=r"meta.json is no record of a run \(JSONDecodeError"):
        RunMeta.read(path)
    FULL.write(path)
    path.write_text(path.read_text().replace('"passes": 100', '"passes": 10'))
    with pytest.raises(OutputError, match=r"was changed: its configuration_sha256 does not fit its settings"):
        RunMeta.read(path)
