"""Figures: what they show, what they write, and that they leave matplotlib alone."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import cv2
import matplotlib
import numpy as np
import pytest
from scipy.stats import gaussian_kde

from fiqx_trt.amva import Amva, analyse, quality_groups
from fiqx_trt.errors import InvalidInputError, OutputError
from fiqx_trt.figures.amva import amva_figures, example_images, face_rows
from fiqx_trt.figures.canvas import Look, Scale, density, in_formats, number, save_pictures
from fiqx_trt.figures.differences import differences_figure
from fiqx_trt.figures.faces import FaceRow, faces_figure, overlay
from fiqx_trt.figures.overlap import overlap_figure
from fiqx_trt.figures.variation import variation_figure
from fiqx_trt.statistics import CompactMaps
from support.nets import noise_faces

COUNT, SIZE = 40, (32, 32)
NAMES = ("serfiq", "magface", "brisque")
DIRECTIONS = {"serfiq": True, "magface": True, "brisque": False}
QUICK = Look(dpi=50)


@pytest.fixture(scope="module")
def maps() -> CompactMaps:
    grids = np.random.default_rng(0).random((COUNT, 4, 4), dtype=np.float32)
    return CompactMaps(grids, SIZE)


@pytest.fixture(scope="module")
def scores() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    quality = rng.random(COUNT)
    return {"serfiq": quality, "magface": 20 + quality + rng.random(COUNT), "brisque": 60 - 30 * quality}


@pytest.fixture(scope="module")
def result(maps: CompactMaps, scores: dict[str, np.ndarray]) -> Amva:
    paths = [f"{i:02d}.jpg" for i in range(COUNT)]
    return analyse(paths, quality_groups(paths, scores, higher_is_better=DIRECTIONS, fraction=0.2), maps)


@pytest.fixture(scope="module")
def rows(result: Amva, maps: CompactMaps, scores: dict[str, np.ndarray]) -> list[FaceRow]:
    shown = example_images(result, count=2)
    return face_rows(result, shown, list(noise_faces(4)), maps.take(shown).pixels(), scores)


def test_every_figure_is_written_as_picture_and_as_data(
    result: Amva, rows: list[FaceRow], tmp_path: Path
) -> None:
    written = save_pictures(amva_figures(result, rows=rows, look=QUICK), tmp_path / "figures")
    names = {"mam", "mdam", "overlap", "d-am-v", "d-am-mv", "faces"}
    assert {path.name for path in written} == {f"{name}.{kind}" for name in names for kind in ("png", "npz")}
    for name in names:
        picture = cv2.imread(str(tmp_path / "figures" / f"{name}.png"))
        assert picture.min() < 60
        assert picture[:4].min() == 255  # a margin: nothing is cut off at the top
        assert picture[:, :2].min() == picture[:, -2:].min() == picture[-2:].min() == 255
    with np.load(tmp_path / "figures" / "mam.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["brisque__d_am_v"], result.maps["brisque"].d_am_v)
    with np.load(tmp_path / "figures" / "d-am-v.npz") as file:
        np.testing.assert_array_equal(file["serfiq__brisque__d_am_v_low"], result.differences()[1].d_am_v_low)
    with np.load(tmp_path / "figures" / "overlap.npz") as file:
        np.testing.assert_array_equal(file["overlap_low"], result.overlap_low)
        assert tuple(file["methods"]) == NAMES
    with np.load(tmp_path / "figures" / "faces.npz") as file:
        assert file["faces"].shape == (4, 32, 32, 3)
        assert list(file["groups"]) == ["H", "H", "L", "L"]
        np.testing.assert_array_equal(file["ad_mam__serfiq"], [row.deviations["serfiq"] for row in rows])


def test_a_single_method_has_no_figures_between_methods(result: Amva, maps: CompactMaps) -> None:
    paths = list(result.paths)
    groups = quality_groups(paths, {"q": np.arange(COUNT, dtype=float)}, higher_is_better={"q": True})
    assert set(amva_figures(analyse(paths, groups, maps), look=QUICK)) == {"mam", "mdam"}


def test_pictures_are_the_same_at_every_run(result: Amva, tmp_path: Path) -> None:
    for name in ("a", "b"):
        variation_figure(result.maps, look=QUICK).save(tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_vector_files_are_asked_for_and_have_the_same_bytes_at_every_run(
    result: Amva, tmp_path: Path
) -> None:
    look = replace(Look.named("uniform", ["svg", "pdf", "svg"]), dpi=50)
    for name in ("a", "b"):
        pictures = in_formats({name: variation_figure(result.maps, look=look)}, look.formats)
        written = save_pictures(pictures, tmp_path)
        assert [path.name for path in written] == [f"{name}.{kind}" for kind in ("png", "svg", "pdf", "npz")]
    for kind in ("svg", "pdf"):
        first, second = ((tmp_path / f"{name}.{kind}").read_bytes() for name in "ab")
        assert first == second
        assert not re.search(rb"CreationDate|<dc:date>|20[2-9]\d-", first)
    drawing = ElementTree.parse(tmp_path / "a.svg").getroot()
    size = {name: float(drawing.attrib[name].removesuffix("pt")) for name in ("width", "height")}
    height, width = cv2.imread(str(tmp_path / "a.png")).shape[:2]
    assert (size["width"] / 72 * 50, size["height"] / 72 * 50) == pytest.approx((width, height), abs=1)
    assert len(list(drawing.iter("{http://www.w3.org/2000/svg}image"))) >= 6  # the maps
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF-")
    variation_figure(result.maps, look=QUICK).save(tmp_path / "a")
    assert {path.name for path in tmp_path.glob("a.*")} == {"a.png", "a.npz"}  # none of an earlier result
    with pytest.raises(InvalidInputError, match="--figure-format is 'eps'; choose of svg, pdf"):
        Look(formats=("eps",))


def test_a_dot_in_the_name_of_a_figure_is_no_suffix(result: Amva, tmp_path: Path) -> None:
    written = variation_figure(result.maps, look=QUICK).save(tmp_path / "edc-fmr-0.2")
    assert [path.name for path in written] == ["edc-fmr-0.2.png", "edc-fmr-0.2.npz"]
    assert all(path.exists() for path in written)


def test_nothing_global_changes(result: Amva) -> None:
    before = dict(matplotlib.rcParams)
    variation_figure(result.maps, look=QUICK)
    assert dict(matplotlib.rcParams) == before
    code = "import sys, fiqx_trt.figures.amva; sys.exit('matplotlib.pyplot' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import sys, fiqx_trt, fiqx_trt.amva; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_examples_are_the_best_of_h_and_the_worst_of_l(result: Amva, rows: list[FaceRow]) -> None:
    groups = result.methods["serfiq"].groups
    np.testing.assert_array_equal(example_images(result, count=2), [*groups.high[:2], *groups.low[:2]])
    assert [row.group for row in rows] == ["H", "H", "L", "L"]
    assert rows[0].scores["serfiq"] == max(row.scores["serfiq"] for row in rows)
    want = np.abs(rows[1].activation - result.maps["magface"].mam_high)
    np.testing.assert_allclose(rows[1].deviations["magface"], want, atol=1e-7)


def test_one_scale_for_all_panels_around_zero(result: Amva) -> None:
    arrays = [values for one in result.differences() for values in (one.d_am_v_high, one.d_am_v_low)]
    scale = Scale.around_zero(arrays, "RdBu_r")
    assert scale.low == -scale.high
    assert scale.high == max(np.abs(values).max() for values in arrays)
    np.testing.assert_allclose(scale.color(np.zeros(1)), scale.color(np.array([-1e-9])), atol=0.02)


def test_colours_of_an_overlay_mean_the_map_alone() -> None:
    scale = Scale(0.0, 1.0, "viridis")
    grey = np.full((2, 2, 3), 200, np.uint8)
    red = np.zeros((2, 2, 3), np.uint8)
    red[..., 0] = 200
    values = np.array([[0.0, 1.0], [0.5, 0.25]])
    difference = overlay(grey, values, scale) - overlay(red, values, scale)
    np.testing.assert_allclose(difference, 0.45 * 200 / 255 * (1 - 0.299), atol=1e-12)
    full = overlay(grey, values, scale, weakest=1.0, strongest=1.0)
    np.testing.assert_allclose(full, scale.color(values))
    faint = overlay(grey, values, scale, weakest=0.0, strongest=1.0)
    np.testing.assert_allclose(faint[0, 0], 200 / 255)


def test_density_is_that_of_scipy_and_integrates_to_one() -> None:
    values = np.random.default_rng(0).normal(0.4, 0.1, 4000)
    at = np.linspace(-0.2, 1.0, 400)
    got = density(values, at)
    assert got.sum() * (at[1] - at[0]) == pytest.approx(1.0, abs=1e-3)
    width = 0.9 * min(values.std(), np.subtract(*np.quantile(values, [0.75, 0.25])) / 1.34) * 4000**-0.2
    want = gaussian_kde(values, bw_method=width / values.std(ddof=1))(at)
    np.testing.assert_allclose(got, want, atol=0.03)


def test_constant_maps_can_be_drawn(result: Amva) -> None:
    serfiq = result.maps["serfiq"]
    zeros = replace(serfiq, **{name: np.zeros(SIZE) for name in serfiq.arrays()})
    variation_figure({"nothing": zeros}, look=QUICK)


def test_the_papers_colours_are_an_option(result: Amva) -> None:
    look = Look.named("papers")
    assert (look.maps, look.variation) == ("jet", "jet")
    variation_figure(result.maps, kind="median", look=look)


def test_many_scores_stand_in_several_lines(rows: list[FaceRow]) -> None:
    few = faces_figure(rows, look=QUICK).figure.get_size_inches()[1]
    many = {f"a-method-with-a-long-name-{i}": 0.5 for i in range(5)}
    crowded = [FaceRow(r.face, r.activation, r.deviations, many, r.group) for r in rows]
    assert faces_figure(crowded, look=QUICK).figure.get_size_inches()[1] > few


def test_numbers_as_they_are_printed() -> None:
    assert [number(v) for v in (0.0, 1.0, -0.5, 0.01234, 12.345)] == ["0", "1", "−0.5", "0.0123", "12.3"]


ERRORS = [
    (
        lambda: variation_figure({}),
        "kind is 'mean' for 0 methods; give 'mean' or 'median', and at least one method",
    ),
    (
        lambda: differences_figure([]),
        "kind is 'mean' for 0 pairs; give 'mean' or 'median', and the maps of at least two",
    ),
    (
        lambda: overlap_figure(["a"], np.eye(2), np.eye(2)),
        "1 methods with matrices (2, 2) and (2, 2); give M×M matrices",
    ),
    (lambda: faces_figure([]), "0 faces were given; give at least one"),
    (lambda: Look(maps="rainbows"), "there is no colour map 'rainbows'; give one of matplotlib's"),
]


@pytest.mark.parametrize(("act", "text"), ERRORS, ids=[text[:30] for _, text in ERRORS])
def test_errors_say_what_to_do(act: object, text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        act()  # type: ignore[operator]
    assert text in str(caught.value)


def test_rows_need_a_face_and_a_map_each(result: Amva) -> None:
    with pytest.raises(InvalidInputError, match="2 positions, 0 faces and 0 maps were given"):
        face_rows(result, np.array([0, 1]), [], np.zeros((0, *SIZE), np.float32), {})


def test_a_folder_that_cannot_be_written(result: Amva, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write the figure"):
        overlap_figure(NAMES, np.eye(3), np.eye(3), look=QUICK).save(tmp_path / "file" / "x")


def test_a_dollar_sign_in_a_name_begins_no_formula(tmp_path: Path) -> None:
    names = [r"cheap $\frac$", "a $ b $ c"]
    picture = overlap_figure(names, np.eye(2), np.eye(2))
    picture.save(tmp_path / "overlap")  # matplotlib parses what it draws
    shown = [label.get_text() for label in picture.figure.axes[0].get_yticklabels()]
    assert [text.replace(r"\$", "$") for text in shown] == names
    assert all(text.count("$") == text.count(r"\$") for text in shown)
