"""A scorer in the workers of other programs: Hugging Face's map, Spark's mapInPandas, torch's DataLoader."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

import fiqx_trt as fx


@pytest.fixture
def scorer(small_model: Path) -> Iterator[fx.FaceScorer]:
    with fx.FaceScorer(small_model, ["serfiq", "flip"], aligned=True) as scorer:
        yield scorer


@pytest.fixture
def files(messy_crops: Path) -> list[Path]:
    return sorted(messy_crops.iterdir())


def test_the_schema_is_that_of_the_tables(scorer: fx.FaceScorer, files: list[Path], tmp_path: Path) -> None:
    assert fx.FaceScorer(tmp_path / "nowhere.onnx", ["serfiq", "flip"], aligned=True).schema == scorer.schema
    assert scorer(files).schema == scorer.schema
    assert {"serfiq", "x0", "left_eye_x"} <= set(fx.FaceScorer(tmp_path / "nowhere.onnx").schema.names)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("given", ["path", "picture"])
def test_the_map_of_a_hugging_face_data_set(
    scorer: fx.FaceScorer, files: list[Path], given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    columns = {
        "path": [str(file) for file in files],
        "picture": [{"bytes": file.read_bytes(), "path": None} for file in files],
    }
    dataset = datasets.Dataset.from_dict({given: columns[given]})
    scored = dataset.map(lambda rows: scorer(rows[given]).to_pydict(), batched=True, batch_size=3)
    wanted = scorer(files)
    assert scored["serfiq"][:] == wanted["serfiq"].to_pylist()
    assert scored["status"][:] == wanted["status"].to_pylist()


def as_spark(frames: Iterator[object], schema: pa.Schema) -> Iterator[pa.Table]:
    """Convert data frames as Spark does: by name, with a mask of missing values where the series wants one."""
    for frame in frames:
        arrays = [_as_spark(frame[field.name], field.type) for field in schema]
        yield pa.Table.from_arrays(arrays, schema=schema)


def _as_spark(series: object, kind: pa.DataType) -> pa.Array:
    mask = None if hasattr(series.array, "__arrow_array__") else series.isnull()
    return pa.Array.from_pandas(series, mask=mask, type=kind)


def test_sparks_map_in_pandas(scorer: fx.FaceScorer, files: list[Path]) -> None:
    pandas = pytest.importorskip("pandas")
    sent = pickle.loads(pickle.dumps(scorer))

    def scores(frames: Iterator[object]) -> Iterator[object]:
        for frame in frames:
            yield sent(frame["content"]).to_pandas()

    table = pandas.DataFrame(
        {"path": list(map(str, files)), "content": [file.read_bytes() for file in files]}
    )
    made = as_spark(scores(iter([table[:3], table[3:], table[:0]])), scorer.schema)
    wanted = scorer(files)
    assert (
        pa.concat_tables(made).drop_columns(["path", "error"]).equals(wanted.drop_columns(["path", "error"]))
    )
    sent.close()


@pytest.mark.slow
def test_the_workers_of_a_torch_loader(scorer: fx.FaceScorer, files: list[Path]) -> None:
    from torch.utils.data import DataLoader

    wanted = scorer(files)  # the parent's own model does not disturb spawned workers
    loader = DataLoader(
        list(map(str, files)),
        batch_size=3,
        num_workers=2,
        collate_fn=scorer,
        multiprocessing_context="spawn",
    )
    assert pa.concat_tables(list(loader)).equals(wanted)
