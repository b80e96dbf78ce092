"""The recipes that need other programs run where those are installed: ``nox -s recipes`` installs them."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from support.desk import make_desk
from support.documents import ROOT, Block, blocks, run_block

PAGE = ROOT / "docs" / "howto" / "recipes.md"
RECIPES = {
    program: block
    for block in blocks(PAGE)
    if block.mark == "run: nox -s recipes"
    for program in re.findall(r"^import (mlflow|fiftyone)", block.text, flags=re.MULTILINE)
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_desk(tmp_path_factory.mktemp("desk"))


def test_both_recipes_are_there() -> None:
    assert sorted(RECIPES) == ["fiftyone", "mlflow"]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("program", "block"), RECIPES.items(), ids=list(RECIPES))
def test_the_recipe_runs(
    program: str, block: Block, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if find_spec(program) is None:
        pytest.skip(f"{program} is not installed")
    request.getfixturevalue("mobilefacenet_file")
    desk = request.getfixturevalue("desk")
    monkeypatch.chdir(desk)
    run_block(block, desk)
    if program == "mlflow":
        import mlflow

        (run,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
        assert run.data.metrics["scored"] == run.data.metrics["ok"] == 12
        assert 0 < run.data.metrics["serfiq_median"] < 1
        assert len(run.data.params["model_sha256"]) == 64
