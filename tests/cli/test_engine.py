"""The commands for TensorRT engines: without a GPU they list and delete, with the fake one they build."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fiqx_trt.runtime.machine import cuda_missing
from fiqx_trt.runtime.tensorrt.cache import EngineCache
from runtime.tensorrt.conftest import Install, install  # noqa: F401  -- a fixture

Cli = Callable[..., "object"]


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> EngineCache:
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path / "cache"))
    return EngineCache()


def test_an_empty_cache(cli, cache: EngineCache) -> None:
    result = cli("engine", "list")
    assert result.code == 0
    assert f"0 engines in {cache.folder}" in result.err
    assert "deleted 0 engines, 0.0 MB" in cli("engine", "clear").err


def test_what_is_in_the_cache_is_listed_and_deleted(cli, cache: EngineCache) -> None:
    about = {
        "label": "arcface.onnx",
        "precision": "fp16",
        "batch": 32,
        "name": "H200",
        "tensorrt": "11.4.0.106",
    }
    cache.store("ab" * 32, b"x" * 3_000_000, about)
    cache.store("cd" * 32, b"y", about)
    (cache.folder / f"{'cd' * 32}.json").write_text("{")
    result = cli("engine", "list")
    for text in ("abababababab", "arcface.onnx", "fp16, batch 32", "H200, TensorRT 11.4.0.106", "3.0 MB"):
        assert text in result.out
    assert "unreadable sidecar" in result.out
    assert "2 engines in" in result.err
    listed = json.loads(cli("engine", "list", "--json").out)
    assert {entry["key"]: entry["nbytes"] for entry in listed} == {"ab" * 32: 3_000_000, "cd" * 32: 1}
    assert "deleted 2 engines, 3.0 MB" in cli("engine", "clear").err
    assert not cache.entries()


@pytest.mark.skipif(cuda_missing() is None, reason="this machine has a CUDA device")
def test_building_without_a_gpu_says_why(cli, recogniser: Path) -> None:
    result = cli("engine", "build", recogniser)
    assert result.code == 1
    assert result.err.startswith("error: backend 'tensorrt' on device 'cuda' cannot be used: ")
    assert len(result.err.splitlines()) == 1


def test_every_graph_that_the_methods_run_is_built_once(cli, install: Install, recogniser: Path) -> None:  # noqa: F811
    world = install()
    first = cli("engine", "build", recogniser, "--max-batch", "4", "--passes", "10")
    assert first.code == 0, first.err
    rows = [[cell.strip() for cell in line.split("│")] for line in first.out.splitlines() if "│" in line]
    kinds = {row[0]: row[1:3] for row in rows}
    assert kinds == {
        "trunk": ["fp16", "4"], "head": ["fp16", "10"], "activations": ["fp16", "4"], "embedding": ["fp16", "4"],
        "gradient": ["fp32", "4"],
    }  # fmt: skip
    assert "was built in" in first.out
    builds = len(world.builds)
    again = cli("engine", "build", recogniser, "--max-batch", "4", "--passes", "10")
    assert "is from the cache" in again.out
    assert "was built in" not in again.out
    assert len(world.builds) == builds
