from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fiqx_trt.errors import InvalidInputError, ModelError, ModelUnavailableError
from fiqx_trt.onnx_export.graphs.builder import GraphBuilder
from fiqx_trt.quality import create_method
from fiqx_trt.quality.scorer_contract import CONTRACTS
from fiqx_trt.zoo import fetch, models
from support.nets import noise_faces


@pytest.fixture
def scorer(tmp_path: Path) -> Path:
    """A network whose score is the mean of its first input channel, plus one."""
    graph = GraphBuilder("first-channel")
    weight = np.zeros((3, 1), np.float32)
    weight[0] = 1.0
    x = graph.node("GlobalAveragePool", ["image"], "pool")
    x = graph.node("Flatten", [x], "flat")
    x = graph.node("MatMul", [x, graph.constant("w", weight)], "mean")
    graph.node("Add", [x, graph.constant("one", np.float32([1.0]))], "quality")
    path = tmp_path / "first.onnx"
    path.write_bytes(graph.model({"image": ("N", 3, 32, 32)}, {"quality": ("N", 1)}).SerializeToString())
    return path


def contract(path: Path, **fields: object) -> None:
    stated = {
        "input_size": [32, 32],
        "mean": [100.0],
        "std": [50.0],
        "color": "bgr",
        "template": "",
        "higher_is_better": False,
    }
    path.with_suffix(".json").write_text(json.dumps({**stated, **fields}))


def test_size_scale_order_and_direction_are_the_contracts(scorer: Path) -> None:
    contract(scorer, name="blue")
    method = create_method(f"onnx:{scorer}")
    assert method.name == "blue"
    assert method.columns == ("blue",)
    assert method.higher_is_better is False
    faces = noise_faces(4)
    want = (faces[..., 2].astype(np.float64).mean(axis=(1, 2)) - 100.0) / 50.0 + 1.0
    np.testing.assert_allclose(method.score(None, faces, None).raw, want, rtol=1e-5)
    np.testing.assert_array_equal(
        method.score(None, faces[1:2], None).raw, method.score(None, faces, None).raw[1:2]
    )


def test_nothing_is_guessed(scorer: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no scorer"):
        create_method(f"onnx:{tmp_path / 'none.onnx'}")
    with pytest.raises((ModelError, InvalidInputError), match=r"first\.json"):
        create_method(f"onnx:{scorer}")
    scorer.with_suffix(".json").write_text('{"contract": "beauty"}')
    with pytest.raises((ModelError, InvalidInputError), match="names the contract 'beauty'; there are"):
        create_method(f"onnx:{scorer}")


def test_ready_contracts_state_everything() -> None:
    for name, ready in CONTRACTS.items():
        assert len(ready.input_size) == 2, name
        assert len(ready.per_channel) == 2
        assert ready.color in ("rgb", "bgr", "gray")


def test_a_known_network_needs_no_sidecar(
    scorer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for a file of the table, brought by hand, gives the scores of the same file with the same sidecar."""
    contract(scorer)
    stated = json.loads(scorer.with_suffix(".json").read_text())
    sha256 = hashlib.sha256(scorer.read_bytes()).hexdigest()
    entry = replace(models()["ediffiqa-tiny"], sha256=sha256, bytes=None, contract=stated)
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("FIQX_OFFLINE", "1")
    monkeypatch.setattr(
        "fiqx_trt.quality.onnx_scorer.known", lambda name: entry if name == entry.name else None
    )
    with pytest.raises(ModelUnavailableError, match="`fiqx-trt model fetch ediffiqa-tiny --from FILE`"):
        create_method("onnx:ediffiqa-tiny")
    fetch(entry, file=scorer)
    faces = noise_faces(4)
    by_name, by_file = create_method("onnx:ediffiqa-tiny"), create_method(f"onnx:{scorer}")
    assert by_name.columns == ("ediffiqa-tiny",)
    np.testing.assert_array_equal(by_name.score(None, faces, None).raw, by_file.score(None, faces, None).raw)


@pytest.mark.parametrize(
    ("sidecar", "text"),
    [
        ("[]", "must be one JSON object"),
        ('{"contract": ["cr-fiqa"]}', "names the contract"),
        ('{"contract": "cr-fiqa", "colour": "rgb"}', "has unknown fields colour; known are"),
        ('{"contract": "cr-fiqa", "mean": "x"}', "has mean = 'x'"),
        (
            '{"contract": "cr-fiqa", "mean": [1, 2]}',
            "mean has 2 numbers; a rgb model has one number, or one for each",
        ),
        ('{"contract": "cr-fiqa", "std": 0}', "a zero would divide by zero"),
        ('{"contract": "cr-fiqa", "color": "cmyk"}', "color is 'cmyk'; the orders known are rgb, bgr, gray"),
        ('{"contract": "cr-fiqa", "input_size": [0, 112]}', "give a positive height and width"),
        ('{"contract": "cr-fiqa", "higher_is_better": 1}', "give true or false"),
    ],
)
def test_a_contract_that_no_network_has_is_refused_as_a_recognisers_is(
    scorer: Path, sidecar: str, text: str
) -> None:
    scorer.with_suffix(".json").write_text(sidecar)
    with pytest.raises((ModelError, InvalidInputError), match=text):
        create_method(f"onnx:{scorer}")
