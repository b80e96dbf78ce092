"""What a sidecar keeps of the worth of maps."""

from __future__ import annotations

from pathlib import Path

import pytest

from fiqx_trt.errors import ModelError
from fiqx_trt.models.map_worth import MapWorth, map_worth_of
from fiqx_trt.models.spec import ModelSpec, read_sidecar

ENTRY = MapWorth(
    (0.47, 0.45, 0.49), {"chance": (0.47, 0.45, 0.49), "centre prior": (0.01, -0.01, 0.03)}, 40, 40,
    {"weights": "l1"}, "faces",
)  # fmt: skip
SPEC = ModelSpec("net", map_worth={"plq": ENTRY})


def test_a_sidecar_gives_back_what_was_written(tmp_path: Path) -> None:
    SPEC.save(tmp_path / "net.json")
    assert read_sidecar(tmp_path / "net.json")["map_worth"] == {"plq": ENTRY}


def test_an_entry_holds_for_its_settings_alone() -> None:
    assert map_worth_of(SPEC, "plq", {"weights": "l1"}) == ENTRY
    assert map_worth_of(SPEC, "plq", {"weights": "sum"}) is None
    assert map_worth_of(SPEC, "cam", {}) is None


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("3", "map_worth = 3"),
        ('{"plq": {"gain": [0, 0, 0]}}', "'against'"),
        (
            '{"plq": {"gain": [0, 0], "against": {}, "faces": 1, "people": 0, "settings": {}}}',
            "not enough values",
        ),
        (
            '{"plq": {"gain": [NaN, 0, 0], "against": {}, "faces": 1, "people": 0, "settings": {}}}',
            "must be three finite numbers",
        ),
        ('{"plq": {"better": 1}}', "unknown fields better"),
    ],
)
def test_a_damaged_entry_is_one_line(tmp_path: Path, entry: str, reason: str) -> None:
    (tmp_path / "net.json").write_text(f'{{"map_worth": {entry}}}')
    with pytest.raises(ModelError, match=reason):
        read_sidecar(tmp_path / "net.json")
