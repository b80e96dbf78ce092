"""Every entry of the table of known models is complete, consistent, and a contract that a model can have."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fiqx_trt.errors import ModelError
from fiqx_trt.experiments.deletion import CENTRE, CHANCE, mean_name
from fiqx_trt.experiments.deletion_maps import MAPS
from fiqx_trt.experiments.map_worth import map_settings
from fiqx_trt.faces.align import TEMPLATES
from fiqx_trt.models import ModelSpec
from fiqx_trt.models.known import entry_fields
from fiqx_trt.onnx_export.architectures import dlib_resnet
from fiqx_trt.quality.onnx_scorer import known_contract
from fiqx_trt.quality.scorer_contract import CONTRACTS
from fiqx_trt.quality.serfiq import SerFiq
from fiqx_trt.zoo import KnownModel, known, models

ALL = pytest.mark.parametrize("entry", models().values(), ids=lambda entry: entry.name)
RECOGNISERS = [entry for entry in models().values() if entry.kind == "recogniser"]
FREE = {"MIT", "Apache-2.0", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CC-BY-4.0"}


def test_names_and_hashes_are_told_once() -> None:
    text = (Path(__file__).parents[2] / "python/fiqx_trt/zoo/table.json").read_text(encoding="utf-8")
    names = Counter(raw["name"] for raw in json.loads(text)["models"])
    assert max(names.values()) == 1
    assert max(Counter(entry.sha256 for entry in models().values()).values()) == 1
    assert known("mobilefacenet") is not None
    assert known("nothing") is None


@ALL
def test_an_entry_says_what_it_is_and_where_it_lies(entry: KnownModel) -> None:
    assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", entry.name)
    assert entry.kind in ("recogniser", "quality", "detector")
    assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
    assert entry.bytes is None or entry.bytes > 1000
    assert entry.origins
    assert entry.about
    for origin in entry.origins:
        assert [bool(origin.url), bool(origin.npm), bool(origin.python)].count(True) == 1
        assert not origin.url or urlsplit(origin.url).scheme == "https"
        assert not origin.npm or (origin.version and origin.path)
        assert not origin.member or origin.url.endswith(".zip")
        assert origin.place


@ALL
def test_weights_that_are_not_free_ask_for_consent(entry: KnownModel) -> None:
    assert entry.licence_code in FREE
    assert bool(entry.consent) == (entry.licence_weights not in FREE)


@ALL
def test_published_figures_have_a_source(entry: KnownModel) -> None:
    for figure in entry.figures:
        assert figure.what
        assert figure.source
        assert 50.0 < figure.value <= 100.0


@pytest.mark.parametrize("entry", RECOGNISERS, ids=lambda entry: entry.name)
def test_the_contract_is_one_that_a_model_can_have(entry: KnownModel) -> None:
    spec = ModelSpec(**entry_fields(entry))
    assert spec.template in TEMPLATES
    assert {"input_size", "mean", "std", "color", "template"} <= set(entry.contract)
    assert spec.licence == entry.licence_weights


def test_colour_order_and_scaling_that_a_guess_gets_wrong() -> None:
    """What ``findings`` of other programs' users name as silent nonsense."""
    contracts = {entry.name: entry.contract for entry in RECOGNISERS}
    assert contracts["adaface-ir18"]["color"] == "bgr"
    assert contracts["sface"]["std"] == contracts["arcface-r100-onnxzoo"]["std"] == [1.0] * 3
    assert contracts["mobilefacenet"]["std"] == [128.0] * 3
    assert contracts["auraface"]["std"] == [127.5] * 3


def test_the_embedded_contract_is_that_of_its_program() -> None:
    contract = models()["dlib-resnet"].contract
    assert tuple(contract["mean"]) == dlib_resnet.DLIB_MEAN
    assert tuple(contract["std"]) == dlib_resnet.DLIB_STD
    assert tuple(contract["input_size"]) == dlib_resnet.DLIB_SIZE


@pytest.mark.parametrize("name", ["mobilefacenet", "dlib-resnet"])
def test_what_runs_at_once_is_calibrated_for_the_default_estimator(name: str) -> None:
    spec = ModelSpec(**entry_fields(models()[name]))
    assert spec.calibrated
    assert spec.estimator == SerFiq().setting
    assert len(spec.quantiles) == 21
    assert list(spec.quantiles) == sorted(spec.quantiles)
    assert spec.gamma is not None
    assert spec.gamma_weights == "l1"
    assert spec.gamma_contrast is not None
    assert spec.usual is not None
    assert (spec.usual.grid, spec.usual.faces, spec.usual.weights) == ((14, 14), 51, "l1")
    assert set(spec.usual.regions) == {"forehead", "eyes", "lower-face", "nose", "mouth", "cheeks"}
    assert spec.usual.alarm is not None
    assert -4.0 < spec.usual.alarm < -1.0


def test_quality_networks_are_fed_as_their_own_programs_feed_them() -> None:
    networks = [entry for entry in models().values() if entry.kind == "quality"]
    assert len(networks) == 5
    for entry in networks:
        found, wanted = known_contract(entry), CONTRACTS["ediffiqa"]
        assert found.per_channel == wanted.per_channel
        assert (found.input_size, found.color, found.template) == (
            wanted.input_size,
            wanted.color,
            wanted.template,
        )
        assert found.higher_is_better
        assert found.name == entry.name
    with pytest.raises(ModelError, match="sface is a recogniser, not a quality network"):
        known_contract(models()["sface"])


def test_two_files_of_one_name_are_kept_apart() -> None:
    first, second = models()["auraface"], models()["antelopev2-glintr100"]
    assert first.file == second.file
    assert first.stored_name != second.stored_name


def test_what_a_quality_predicts_was_measured_with_the_default_settings() -> None:
    spec = ModelSpec(**entry_fields(models()["mobilefacenet"]))
    serfiq = spec.validity["serfiq"]
    assert serfiq.settings == SerFiq().parameters
    assert serfiq.low < serfiq.spearman < serfiq.high
    assert (serfiq.people, serfiq.against) == (40, "genuine")
    assert "ORL" in serfiq.on
    assert spec.cosines["impostor"][1] < spec.cosines["genuine"][0]


@pytest.mark.parametrize("name", ["mobilefacenet", "dlib-resnet"])
def test_what_the_maps_are_worth_was_measured_for_every_map(name: str) -> None:
    spec = ModelSpec(**entry_fields(models()[name]))
    assert set(spec.map_worth) == set(MAPS)
    for kind, worth in spec.map_worth.items():
        assert worth.settings == map_settings(kind, "l1")
        assert set(worth.against) == {CENTRE, CHANCE, mean_name(kind)}
        assert (worth.faces, worth.people) == (40, 40)
        assert worth.gain == worth.against[CHANCE]  # chance gains nothing
