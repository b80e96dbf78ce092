"""``plq_files`` and ``cam_files`` write what their commands write: the same rows, maps and pictures, without the page."""

from __future__ import annotations

import ast
import dataclasses
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import fiqx_trt as fx
from fiqx_trt.errors import InvalidInputError, NotCalibratedError, OutputError
from fiqx_trt.rows import RunMeta, meta_path
from support.files import arrays, contents

OPTIONS: dict[str, dict[str, object]] = {
    "plq": {"gamma": 8.0, "weights": "signed", "colors": "papers", "smooth": 1.5},
    "cam": {"target": "norm", "weights": "softmax"},
}
FUNCTIONS: dict[str, Callable[..., fx.RunResult]] = {"plq": fx.plq_files, "cam": fx.cam_files}
KINDS = pytest.mark.parametrize("kind", ["plq", "cam"])


def run(kind: str, folder: Path, out: Path, model: Path, **more: object) -> fx.RunResult:
    return FUNCTIONS[kind](folder, out, model, aligned=True, **OPTIONS[kind], **more)


def command(kind: str, folder: Path, out: Path, model: Path) -> None:
    """Run the command in a process of its own."""
    options = [word for name, value in OPTIONS[kind].items() for word in (f"--{name}", str(value))]
    line = [
        sys.executable,
        "-m",
        "fiqx_trt",
        kind,
        str(folder),
        "--aligned",
        "-m",
        str(model),
        "-o",
        str(out),
    ]
    done = subprocess.run(
        [*line, "-q", *options], env=dict(os.environ), capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stderr


@KINDS
def test_the_files_are_the_commands_without_the_page(
    kind: str, messy_crops: Path, small_model: Path, tmp_path: Path
) -> None:
    command(kind, messy_crops, tmp_path / "command", small_model)
    done = run(kind, messy_crops, tmp_path / "python", small_model)
    assert done.table == tmp_path / "python" / f"{kind}.csv"
    assert done.counts == {"decode_error": 1, "ok": 6}
    assert done.complete
    ours, theirs = contents(tmp_path / "python"), contents(tmp_path / "command")
    page = {"report.html", "thumbs/0000.jpg", "thumbs/tiles.bin", "differences.png", "differences.npz"}
    assert {name: data for name, data in theirs.items() if name not in page} == ours
    assert "report.html" in theirs
    assert sum(name.startswith("pictures") for name in ours) == 6
    ours_meta, theirs_meta = (
        RunMeta.read(meta_path(tmp_path / name / f"{kind}.csv")) for name in ("python", "command")
    )
    assert ours_meta.configuration_sha256 == theirs_meta.configuration_sha256


@KINDS
def test_the_record_suffices_to_call_again(
    kind: str, messy_crops: Path, small_model: Path, tmp_path: Path
) -> None:
    done = run(kind, messy_crops, tmp_path / "first", small_model, pictures="none")
    function, inputs, out, *given = RunMeta.read(meta_path(done.table)).command_line
    keywords = {name: ast.literal_eval(value) for name, _, value in (word.partition("=") for word in given)}
    assert (function, out) == (f"fiqx_trt.{kind}_files", str(tmp_path / "first"))
    assert keywords == {"model": str(small_model), "aligned": True, "pictures": "none", **OPTIONS[kind]}
    versions = RunMeta.read(meta_path(done.table)).versions
    assert versions["numpy"] == np.__version__
    assert set(versions) == {"python", "numpy", "openvino"}
    again = FUNCTIONS[kind](inputs, tmp_path / "again", **keywords)
    assert again.table.read_bytes() == done.table.read_bytes()


@KINDS
def test_a_stopped_run_goes_on_to_the_same_files(
    kind: str, messy_crops: Path, small_model: Path, tmp_path: Path
) -> None:
    run(kind, messy_crops, tmp_path / "whole", small_model)
    part = run(kind, messy_crops, tmp_path / "parts", small_model, batch=2, stop=lambda: True)
    assert not part.complete
    assert 0 < len(part) < 7
    assert "not complete; call again with resume=True" in repr(part)
    with pytest.raises(OutputError, match=r"is not complete.*resume=True"):
        part.to_arrow()
    seen: list[int] = []
    rest = run(
        kind,
        messy_crops,
        tmp_path / "parts",
        small_model,
        resume=True,
        report=lambda *, done, failed: seen.append(done),
    )
    assert rest.complete
    assert seen[-1] == 7 - len(part)
    assert contents(tmp_path / "whole") == contents(tmp_path / "parts")


@KINDS
def test_an_earlier_run_is_left_alone(
    kind: str, messy_crops: Path, small_model: Path, tmp_path: Path
) -> None:
    run(kind, messy_crops, tmp_path / "out", small_model, maps=False, pictures="none")
    with pytest.raises(OutputError, match=r"in Python: resume=True or overwrite=True"):
        run(kind, messy_crops, tmp_path / "out", small_model, maps=False, pictures="none")
    assert run(kind, messy_crops, tmp_path / "out", small_model, overwrite=True).complete


@KINDS
def test_files_are_not_written_among_the_inputs(kind: str, messy_crops: Path, small_model: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"would become inputs.*in Python: out="):
        run(kind, messy_crops, messy_crops / "out", small_model)
    assert not list(messy_crops.glob("out/*.*"))


def test_the_maps_are_those_of_the_functions(messy_crops: Path, small_model: Path, tmp_path: Path) -> None:
    """Maps of one face as the library computes them, whatever wrote them."""
    from fiqx_trt.faces.decode import decode

    plq = run("plq", messy_crops, tmp_path / "plq", small_model)
    cam = run("cam", messy_crops, tmp_path / "cam", small_model)
    with fx.load_model(small_model) as model:
        for of_plq, of_cam in zip(plq, cam, strict=True):
            if of_plq["status"] != "ok":
                continue
            face = decode(Path(str(of_plq["path"])).read_bytes())[None]
            wanted = fx.plq(model, face, gamma=8.0, weights="signed")
            stored = arrays(tmp_path / "plq" / "maps" / str(of_plq["maps"]))
            np.testing.assert_array_equal(stored["map"], wanted.maps[0])
            activation = fx.scorecam(model, face, target="norm", weights="softmax")
            stored = arrays(tmp_path / "cam" / "maps" / str(of_cam["maps"]))
            np.testing.assert_allclose(stored["map"], activation[0], atol=1e-5)


def test_a_result_is_read_as_rows_tables_and_by_a_person(
    messy_crops: Path, small_model: Path, tmp_path: Path
) -> None:
    done = run("plq", messy_crops, tmp_path / "out", small_model)
    assert len(done) == len(done.rows) == 7
    assert list(done) == done.rows
    table = done.to_arrow()
    assert isinstance(table, pa.Table)
    assert table.to_pylist() == done.rows
    assert str(done.to_pandas()["clipped"].dtype) == "Int64"
    first, second, *more = repr(done).splitlines()
    assert first.startswith(f"{done.table}: 1 decode_error, 6 ok; ")
    assert second.startswith(
        "small on openvino, cpu, gradients in fp32; per intensity, weighting signed, γ = 8"
    )
    assert more[-1] == "the column error says why rows failed"
    page = done._repr_html_()
    assert page.count("data:image/jpeg;base64,") == 6
    for row in done:
        assert (f"<td>{row['path']}</td>" in page) == (row["status"] == "ok")
    assert f"<td>{done.rows[0]['serfiq_scaled']:.4g}</td>" in page
    bare = run("plq", messy_crops, tmp_path / "bare", small_model, pictures="none")
    assert bare._repr_html_().count("<tr>") == 7
    assert "data:image" not in bare._repr_html_()


def test_mistakes_are_said_before_a_model_is_opened(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere.onnx"
    with pytest.raises(InvalidInputError, match=r"no preset is called 'casia'; there are arcface, facenet"):
        fx.plq_files("photos", tmp_path, nowhere, preset="casia")
    with pytest.raises(InvalidInputError, match=r"belongs to the weighting 'sum'.*in Python: gamma="):
        fx.plq_files("photos", tmp_path, nowhere, preset="arcface", weights="l1")
    with pytest.raises(InvalidInputError, match=r"in Python: colors="):
        fx.plq_files("photos", tmp_path, nowhere, colors="rainbow")
    with pytest.raises(InvalidInputError, match=r"in Python: pictures="):
        fx.cam_files("photos", tmp_path, nowhere, pictures="gif")
    with pytest.raises(InvalidInputError, match=r"target is 'nose'; choose one of self"):
        fx.cam_files("photos", tmp_path, nowhere, target="nose")


def test_a_model_without_gamma_says_what_is_missing(
    messy_crops: Path, small_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(NotCalibratedError, match="γ"):
        fx.plq_files(messy_crops, tmp_path / "out", small_model, aligned=True)


def test_a_preset_gives_the_numbers_that_are_not_given(small_model: Path) -> None:
    from fiqx_trt.runs.settings import PlqSettings

    preset = fx.PRESETS["arcface"]
    settings = PlqSettings(model=small_model, preset="arcface", contract={"alpha": 3.0})
    with settings.open_model() as model:
        assert (model.spec.alpha, model.spec.r, model.spec.gamma) == (3.0, preset.r, preset.gamma)
    with dataclasses.replace(settings, gamma=2.0).open_model() as model:
        assert model.spec.gamma == 2.0
    assert pickle.loads(pickle.dumps(settings)) == settings
