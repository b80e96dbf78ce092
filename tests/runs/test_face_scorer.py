"""Pictures from Python get the command's rows, however they are handed over and wherever they are scored."""

from __future__ import annotations

import functools
import multiprocessing
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import fiqx_trt as fx
from fiqx_trt.errors import InferenceError, InvalidInputError, ModelError
from fiqx_trt.faces.decode import decode
from fiqx_trt.quality import MethodOptions
from support.forks import in_fork


@pytest.fixture
def scorer(small_model: Path) -> fx.FaceScorer:
    scorer = fx.FaceScorer(small_model, ["serfiq", "magface"], aligned=True)
    yield scorer
    scorer.close()


@pytest.fixture
def files(messy_crops: Path) -> list[Path]:
    return sorted(messy_crops.iterdir())


def numbers(table: pa.Table) -> list[dict[str, object]]:
    """All rows, but for the names and the messages that hold them."""
    return table.drop_columns(["path"]).to_pylist()


@pytest.mark.law
def test_the_rows_are_those_of_the_file_run(scorer, files, small_model: Path, tmp_path: Path) -> None:
    done = fx.score_files(
        files, tmp_path / "s.parquet", small_model, methods=["serfiq", "magface"], aligned=True
    )
    table = scorer(files)
    assert table.equals(pq.read_table(done.table))
    assert table["status"].to_pylist().count("ok") == 6


@pytest.mark.law
def test_bytes_have_the_row_of_their_file(scorer, files) -> None:
    by_file, by_bytes = scorer(files), scorer([file.read_bytes() for file in files])
    assert numbers(by_bytes) == numbers(by_file)
    assert by_bytes["path"].to_pylist() == [f"inputs[{index}]" for index in range(7)]
    assert numbers(scorer([bytearray(file.read_bytes()) for file in files])) == numbers(by_file)


@pytest.mark.law
def test_pixels_have_the_row_of_their_picture(scorer, files) -> None:
    import torch
    from PIL import Image

    good = [file for file in files if "text" not in file.name]
    wanted = numbers(scorer(good))
    pixels = [decode(file.read_bytes()) for file in good]
    whole = np.stack(pixels)
    first = np.ascontiguousarray(whole.transpose(0, 3, 1, 2))
    for given in (
        pixels,
        whole,
        first,
        [whole[:2], first[2:]],
        torch.from_numpy(whole),
        torch.from_numpy(first),
        [torch.from_numpy(face) for face in first],
        [OnlyDlpack(face) for face in pixels],
        [Image.fromarray(face) for face in pixels],
        [np.asfortranarray(face) for face in pixels],
    ):
        assert numbers(scorer(given)) == wanted
    assert scorer([whole[:2], first[2:3], pixels[0]])["path"].to_pylist() == [
        "inputs[0][0]",
        "inputs[0][1]",
        "inputs[1][0]",
        "inputs[2]",
    ]
    assert scorer(whole[:1])["path"].to_pylist() == ["inputs[0]"]
    assert scorer(pixels[0])["path"].to_pylist() == ["inputs"]


class OnlyDlpack:
    """An array of a library that knows NumPy's protocol not, but DLPack."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def __dlpack__(self, **options: object) -> object:
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array.__dlpack_device__()


@pytest.mark.law
def test_a_row_depends_on_its_picture_alone(scorer, files, small_model: Path) -> None:
    whole = numbers(scorer(files))
    assert numbers(scorer(files[::-1])) == whole[::-1]
    assert [row for file in files for row in numbers(scorer([file]))] == whole
    for batch in (1, 4):
        with fx.FaceScorer(small_model, ["serfiq", "magface"], aligned=True, batch=batch, threads=1) as other:
            assert numbers(other(files)) == whole


def test_an_orientation_of_exif_is_applied_to_a_pil_image_as_to_its_file(scorer, tmp_path: Path) -> None:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as image:
        rows = numbers(scorer([tmp_path / "turned.png", image, np.rot90(pixels, -1), pixels]))
    assert rows[0] == rows[1] == rows[2]
    assert rows[2] != rows[3]


def test_a_name_is_one_file_whatever_it_looks_like(scorer, messy_crops: Path) -> None:
    table = scorer([str(messy_crops), str(messy_crops / "*.png"), "@list.txt", "-", ""][:4])
    assert table["status"].to_pylist() == ["decode_error"] * 4
    assert table["error"].to_pylist()[0] == "a folder, not a picture file"


def test_no_picture_is_a_table_without_rows(scorer, files) -> None:
    empty = scorer([])
    assert empty.num_rows == 0
    assert empty.schema == scorer(files[:1]).schema
    assert scorer(np.zeros((0, 32, 32, 3), np.uint8)).num_rows == 0


def test_it_can_be_pickled_before_and_after_its_first_call(scorer, files) -> None:
    before = pickle.loads(pickle.dumps(scorer))
    wanted = scorer(files)
    after = pickle.loads(pickle.dumps(scorer))
    with before, after:
        assert before(files).equals(wanted)
        assert after(files).equals(wanted)
    assert repr(after) == repr(scorer)
    assert "methods=['serfiq', 'magface'], aligned=True" in repr(after)


def test_options_of_methods_are_given_by_name_and_kept_by_pickling(small_model, files) -> None:
    """The options of a mapping are those of MethodOptions, and of the method built by hand."""
    methods = ["serfiq", "brisque"]
    options = {"serfiq": {"dropout": 0.3}, "brisque": {"halving": "antialiased"}}
    with (
        fx.FaceScorer(small_model, methods, aligned=True, options=options) as given,
        fx.FaceScorer(small_model, ["serfiq"], aligned=True, options=MethodOptions(dropout=0.3)) as named,
        fx.FaceScorer(small_model, methods, aligned=True) as plain,
    ):
        table, other = given(files), plain(files)
        assert table["serfiq"] == named(files)["serfiq"] != other["serfiq"]
        assert table["brisque"] != other["brisque"]
        with pickle.loads(pickle.dumps(given)) as again:
            assert again(files).equals(table)
    with pytest.raises(
        InvalidInputError, match="serfiq has no option 'drop'; the options of serfiq are passes"
    ):
        fx.FaceScorer(small_model, options={"serfiq": {"drop": 0.3}})


def scored(scorer: fx.FaceScorer, file: Path) -> tuple[int, pa.Table]:
    return os.getpid(), scorer([file])


def test_spawned_workers_open_their_own(scorer, files) -> None:
    wanted = scorer(files)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        results = pool.map(functools.partial(scored, scorer), files, chunksize=2)
    assert pa.concat_tables([table for _, table in results]).equals(wanted)
    assert os.getpid() not in {process for process, _ in results}


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_after_the_first_call_is_told_the_cure(scorer, files) -> None:
    scorer(files[:1])

    def call() -> str:
        try:
            return str(scorer(files[:1]))
        except InferenceError as error:
            return str(error)

    assert "get_context('spawn')" in in_fork(call)


@pytest.mark.law
def test_threads_may_share_a_scorer(scorer, files) -> None:
    wanted = [scorer([file]) for file in files]
    scorer.close()
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            assert all(
                a.equals(b) for a, b in zip(pool.map(lambda f: scorer([f]), files), wanted, strict=True)
            )


def test_a_closed_scorer_opens_again(scorer, files) -> None:
    wanted = scorer(files)
    scorer.close()
    scorer.close()
    assert scorer(files).equals(wanted)


def test_mistakes_are_said_where_the_scorer_is_made(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"no quality method is called 'beauty'; there are .*serfiq"):
        fx.FaceScorer(methods=["beauty"])
    with pytest.raises(InvalidInputError, match=r'give a list of names, such as methods=\["serfiq"\]'):
        fx.FaceScorer(methods="serfiq")
    with pytest.raises(InvalidInputError, match=r"aligned=True or detector="):
        fx.FaceScorer(aligned=True, detector="mtcnn")
    with pytest.raises(ModelError, match="nowhere"):
        fx.FaceScorer(tmp_path / "nowhere.onnx")(np.zeros((32, 32, 3), np.uint8))


def test_faces_are_searched_unless_the_pictures_are_aligned(mobilefacenet_file: Path, tmp_path: Path) -> None:
    """A photo by its path, bytes and pixels has one row, with box and landmarks, and a picture without a face says so."""
    from skimage import data

    photo = data.astronaut()
    cv2.imwrite(str(tmp_path / "photo.png"), photo[:, :, ::-1])
    given = [
        tmp_path / "photo.png",
        (tmp_path / "photo.png").read_bytes(),
        photo,
        np.zeros((64, 64, 3), np.uint8),
    ]
    with fx.FaceScorer() as scorer:
        rows = numbers(scorer(given))
    assert rows[0] == rows[1] == rows[2]
    assert rows[0]["status"] == "ok"
    assert rows[0]["confidence"] > 0.9
    assert rows[3]["status"] == "no_face"
