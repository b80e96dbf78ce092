"""What a sidecar keeps of an assessment, and the line that is printed of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from fiqx_trt.errors import ModelError
from fiqx_trt.models.spec import ModelSpec, read_sidecar
from fiqx_trt.models.validity import Validity, validity_line

ENTRY = Validity(0.89, 0.87, 0.91, "genuine", 64, 9, 0.05, {"serfiq.dropout": 0.5}, "faces")
SPEC = ModelSpec("net", validity={"serfiq": ENTRY})


def test_a_sidecar_gives_back_what_was_written(tmp_path: Path) -> None:
    SPEC.save(tmp_path / "net.json")
    assert read_sidecar(tmp_path / "net.json")["validity"] == {"serfiq": ENTRY}


def test_the_line_says_the_number_its_band_and_on_what() -> None:
    assert validity_line(SPEC, "serfiq", {"serfiq.dropout": 0.5}) == (
        "serfiq predicts the loss of similarity on net (Spearman 0.89 [0.87, 0.91], degraded copies of 64 faces of 9 people)"
    )


def test_a_weak_method_is_a_warning() -> None:
    weak = SPEC.replace(validity={"serfiq": dataclasses.replace(ENTRY, spearman=0.31)})
    line = validity_line(weak, "serfiq", {"serfiq.dropout": 0.5})
    assert line.startswith("WARNING: serfiq predicts little of the loss of similarity on net (Spearman 0.31 ")


def test_other_settings_and_other_methods_have_not_been_measured() -> None:
    line = validity_line(SPEC, "serfiq", {"serfiq.dropout": 0.3})
    assert "has not been measured with these settings (fiqx-trt assess FACES --model net)" in line
    assert "has not been measured (fiqx-trt assess" in validity_line(SPEC, "flip", {})


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("3", "validity = 3"),
        ('{"serfiq": {"spearman": 1}}', "'against'"),
        (
            '{"serfiq": {"spearman": NaN, "low": 0, "high": 0, "against": "own", "faces": 1, "people": 0, '
            '"settings": {}}}',
            "finite",
        ),
        ('{"serfiq": {"better": 1}}', "unknown fields better"),
    ],
)
def test_a_damaged_entry_is_one_line(tmp_path: Path, entry: str, reason: str) -> None:
    (tmp_path / "net.json").write_text(f'{{"validity": {entry}}}')
    with pytest.raises(ModelError, match=reason):
        read_sidecar(tmp_path / "net.json")
