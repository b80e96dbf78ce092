"""The files that an analysis of attribution maps writes: the papers' names, and all numbers of the result."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from fiqx_trt.amva import Amva, analyse, quality_groups, save_amva
from fiqx_trt.errors import OutputError
from fiqx_trt.statistics import CompactMaps
from support.amva import PATHS, SIZE
from support.files import arrays


def test_the_files_hold_the_result(result: Amva, tmp_path: Path) -> None:
    written = save_amva(result, tmp_path / "out")
    assert {path.name for path in written} == {"a.npz", "b.npz", "c.npz", "between.npz", "summary.json"}
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["paths"] == list(result.paths)
    for name, one in result.methods.items():
        assert one.bands is not None
        held = arrays(tmp_path / "out" / f"{name}.npz")
        for key, values in one.maps.arrays().items():
            np.testing.assert_array_equal(held[key], values)
        for key, values in {
            "ad_mam": one.ad_mam,
            "low": one.groups.low,
            "deviation_outside": one.deviations.outside,
            "band_lower_am_v_difference": one.bands.lower["am_v_difference"],
        }.items():
            np.testing.assert_array_equal(held[key], values)
        means = summary["methods"][name]["bands"]["mean_of"]
        assert {key: tuple(ends) for key, ends in means.items()} == one.bands.means


def test_names_that_are_not_utf_8_come_back(result: Amva, tmp_path: Path) -> None:
    odd = dataclasses.replace(result, paths=("caf\udce9.jpg", *result.paths[1:]))
    save_amva(odd, tmp_path)
    assert json.loads((tmp_path / "summary.json").read_text())["paths"] == list(odd.paths)


def test_the_files_have_the_papers_names(result: Amva, tmp_path: Path) -> None:
    save_amva(result, tmp_path, run={"model": "m", "maps": 24})
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        stems = ("mam", "am_v", "mdam", "am_mv")
        wanted = {f"{stem}_{group}" for stem in stems for group in ("high", "low")} | {
            "d_am_v",
            "d_am_mv",
            "ad_mam",
        }
        assert wanted <= set(file)
        assert {file[name].shape for name in wanted - {"ad_mam"}} == {SIZE}
        assert file["ad_mam"].shape == (4, *SIZE)
        assert list(file["ad_mam_paths"]) == [PATHS[i] for i in file["ad_mam_members"]]
    with np.load(tmp_path / "between.npz") as file:
        np.testing.assert_array_equal(file["a__b__d_am_v_low"], result.differences()[0].d_am_v_low)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["run"] == {"model": "m", "maps": 24}
    assert summary["methods"]["b"]["higher_is_better"] is False
    assert summary["methods"]["a"]["count_high"] == 12
    assert summary["methods"]["a"]["mean_of"]["am_v_low"] == pytest.approx(result.maps["a"].am_v_low.mean())


def test_a_single_method_needs_no_file_between(
    maps: CompactMaps, scores: dict[str, np.ndarray], tmp_path: Path
) -> None:
    groups = quality_groups(PATHS, {"a": scores["a"]}, higher_is_better={"a": True})
    save_amva(analyse(PATHS, groups, maps), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"a.npz", "summary.json"}
    assert "bands" not in json.loads((tmp_path / "summary.json").read_text())["methods"]["a"]


def test_a_folder_that_cannot_be_written(result: Amva, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write the analysis to .*choose another folder"):
        save_amva(result, tmp_path / "file" / "out")
