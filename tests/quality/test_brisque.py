"""BRISQUE: features against the paper written out, halving against other programs, models from files, bad input."""

from __future__ import annotations

import math
import pickle
import sys

import cv2
import numpy as np
import pytest

from fiqx_trt.errors import DependencyError, InvalidInputError, ModelError
from fiqx_trt.quality import _brisque_features as own
from fiqx_trt.quality.base import create_method
from fiqx_trt.quality.brisque import Brisque, default_model
from reference import brisque as reference

F = own.FEATURES


def brisque(faces, **options):
    return Brisque(**options).score(None, faces, None).raw


def picture(seed=0, height=40, width=33):
    """A smooth picture with edges and noise, so that no statistic is trivial."""
    rng = np.random.default_rng(seed)
    base = cv2.GaussianBlur(rng.uniform(0, 255, (height, width, 3)), (0, 0), 2) * 2 - 120
    base[height // 3 :, width // 2 :] += 60
    return np.clip(base + rng.normal(0, 4, base.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def files(tmp_path):
    """A small regression in libsvm's format with ranges as svm-scale writes them, and the same numbers as arrays."""
    rng = np.random.default_rng(1)
    vectors, weights = rng.uniform(-1, 1, (5, F)).round(4), rng.normal(0, 20, 5).round(3)
    vectors[2, 7] = 0.0
    low, high = np.full(F, -0.5), np.linspace(1, 10, F).round(3)
    lines = [
        "svm_type epsilon_svr",
        "kernel_type rbf",
        "gamma 0.05",
        "nr_class 2",
        "total_sv 5",
        "rho -12.5",
        "SV",
    ]
    for weight, vector in zip(weights.tolist(), vectors.tolist(), strict=True):
        lines.append(f"{weight} " + " ".join(f"{i}:{v}" for i, v in enumerate(vector, 1) if v) + " ")
    ranges = ["x", "-1 1", *(f"{i} {a} {b}" for i, (a, b) in enumerate(zip(low, high, strict=True), 1))]
    (tmp_path / "model").write_text("\n".join(lines) + "\n")
    (tmp_path / "range").write_text("\n".join(ranges) + "\n")
    return tmp_path / "model", tmp_path / "range", (vectors, weights, low, high)


def regression(features, vectors, weights, low, high):
    """The sum, term by term."""
    total = 12.5
    for weight, vector in zip(weights, vectors, strict=True):
        scaled = [-1 + 2 * (f - a) / (b - a) for f, a, b in zip(features, low, high, strict=True)]
        total += weight * math.exp(-0.05 * sum((s - v) ** 2 for s, v in zip(scaled, vector, strict=True)))
    return total


@pytest.mark.parametrize(("seed", "height", "width"), [(0, 40, 33), (1, 14, 14), (2, 15, 41)])
def test_features_equal_the_paper_written_out(seed, height, width):
    face = picture(seed, height, width)
    np.testing.assert_allclose(
        own.brisque_features(face), reference.features(face.tolist()), rtol=1e-5, atol=1e-9
    )


def test_plain_halving_is_opencvs():
    rng = np.random.default_rng(3)
    for height, width in ((20, 30), (21, 31), (14, 15)):
        image = rng.uniform(0, 255, (height, width))
        theirs = cv2.resize(
            image, (width // 2, height // 2), interpolation=cv2.INTER_CUBIC
        )  # weights in float32
        np.testing.assert_allclose(own.halve(image, antialias=False), theirs, atol=1e-3)


def test_antialiased_halving_is_pillows_inside():
    image_module = pytest.importorskip("PIL.Image")
    image = np.random.default_rng(4).uniform(0, 255, (40, 52)).astype(np.float32)
    theirs = np.asarray(image_module.fromarray(image).resize((26, 20), image_module.Resampling.BICUBIC))
    ours = own.halve(image.astype(np.float64))
    np.testing.assert_allclose(ours[2:-2, 2:-2], theirs[2:-2, 2:-2], atol=1e-3)
    np.testing.assert_allclose(own.halve(np.full((9, 7), 3.0)), np.full((5, 4), 3.0), atol=1e-12)


@pytest.mark.law
@pytest.mark.parametrize("antialias", [True, False])
def test_a_halved_pixel_does_not_depend_on_its_place(antialias):
    image = np.random.default_rng(6).uniform(0, 255, (50, 62))
    whole, moved = (own.halve(one, antialias=antialias) for one in (image, image[14:, 10:]))
    np.testing.assert_array_equal(moved[3:-3, 3:-3], whole[7:][3:-3, 5:][:, 3:-3])


def test_grey_levels_are_rounded_exactly():
    colours = np.stack(np.meshgrid(range(0, 256, 5), range(0, 256, 3), range(256)), -1).reshape(-1, 64, 3)
    thousandths = (colours * [299, 587, 114]).sum(axis=-1)
    want = thousandths // 1000 + (thousandths % 1000 >= 500)
    in_doubles = np.floor((colours * [0.299, 0.587, 0.114]).sum(axis=-1) + 0.5)
    assert (in_doubles != want).any()  # a sum that ends in one half falls below it
    np.testing.assert_array_equal(own.grey_levels(colours.astype(np.uint8)), want)


@pytest.mark.parametrize("shape", [0.3, 0.7, 1.0, 2.0, 4.0])
def test_fits_recover_the_distribution_they_are_given(shape):
    # |x| = β G^(1/α) with G ~ Gamma(1/α) is generalised Gaussian.
    rng = np.random.default_rng(5)
    magnitude = rng.gamma(1 / shape, 1.0, 400_000) ** (1 / shape)
    sign = np.where(rng.random(400_000) < 0.5, -1.0, 1.0)
    found, variance = own.fit_symmetric(sign * magnitude)
    assert found == pytest.approx(shape, rel=0.03)
    assert variance == pytest.approx(math.gamma(3 / shape) / math.gamma(1 / shape), rel=0.05)
    # The right half is three times as wide; its share of the samples is β_r / (β_l + β_r).
    right = rng.random(400_000) < 0.75
    values = np.where(right, 3.0, -1.0) * magnitude
    found, mean, left_variance, right_variance = own.fit_asymmetric(values)
    assert found == pytest.approx(shape, rel=0.04)
    assert right_variance / left_variance == pytest.approx(9.0, rel=0.1)
    # The paper's mean is that of the location-free part: (β_r - β_l) Γ(2/α)/Γ(1/α).
    assert mean == pytest.approx(values.mean(), rel=0.06)


def test_turning_the_picture_over_swaps_directions():
    face = picture(6)
    upright, turned = own.brisque_features(face), own.brisque_features(face.transpose(1, 0, 2))
    for scale in (0, 18):
        one, two = upright[scale : scale + 18], turned[scale : scale + 18]
        np.testing.assert_allclose(one[:2], two[:2])
        np.testing.assert_allclose(one[2:6], two[6:10])
        np.testing.assert_allclose(one[10:14], two[10:14])
        np.testing.assert_allclose(one[14:18], two[14:18])
        mirrored = own.brisque_features(face[:, ::-1])[scale : scale + 18] if scale == 0 else None
        if mirrored is not None:
            np.testing.assert_allclose(one[10:14], mirrored[14:18])


def test_scores_equal_the_sum_over_support_vectors(files):
    model, ranges, numbers = files
    faces = np.stack([picture(seed) for seed in range(3)])
    scores = brisque(faces, model=model, ranges=ranges)
    expected = [regression(own.brisque_features(face), *numbers) for face in faces]
    np.testing.assert_allclose(scores, expected, rtol=1e-12)
    plain = brisque(faces, model=model, ranges=ranges, halving="plain")
    assert not np.allclose(plain, scores)
    np.testing.assert_array_equal(brisque(faces[::-1], model=model, ranges=ranges)[::-1], scores)
    assert brisque(faces[:0], model=model, ranges=ranges).shape == (0,)


def test_the_default_halving_is_the_one_the_regression_was_made_with(files):
    """OpenCV's for the package's model, the paper's for files, whose makers are not known."""
    model, ranges, _ = files
    assert Brisque(model=model, ranges=ranges).parameters["brisque.halving"] == "antialiased"
    try:
        default_model()
    except DependencyError as error:
        pytest.skip(str(error))
    assert Brisque().parameters["brisque.halving"] == "plain"
    assert create_method("brisque").parameters["brisque.halving"] == "plain"
    face = picture(0)[None]
    assert brisque(face) == brisque(face, halving="plain") != brisque(face, halving="antialiased")


def test_ranges_may_be_a_pickle(files, tmp_path):
    model, ranges, numbers = files
    with (tmp_path / "range.pickle").open("wb") as file:
        pickle.dump({"min_": numbers[2].tolist(), "max_": numbers[3].tolist()}, file)
    faces = picture(7)[None]
    found = brisque(faces, model=model, ranges=tmp_path / "range.pickle")
    np.testing.assert_array_equal(found, brisque(faces, model=model, ranges=ranges))


def test_images_without_statistics_have_no_score(files):
    model, ranges, _ = files
    flat = np.full((1, 112, 112, 3), 77, np.uint8)
    tiny = np.zeros((1, 13, 200, 3), np.uint8)
    ramp = np.broadcast_to(np.arange(112, dtype=np.uint8)[:, None, None], (1, 112, 112, 3))
    for faces in (flat, tiny, np.zeros((1, 1, 1, 3), np.uint8)):
        assert np.isnan(brisque(faces, model=model, ranges=ranges)).all()
    assert brisque(np.ascontiguousarray(ramp), model=model, ranges=ranges).shape == (1,)
    spot = flat.copy()
    spot[0, 50:60, 50:60] = picture(8)[:10, :10]  # flat but for one place
    assert np.isfinite(brisque(spot, model=model, ranges=ranges)).all()
    dark = np.zeros((1, 112, 112, 3), np.uint8)
    assert np.isnan(own.brisque_features(dark[0])).all()


def test_the_method_says_what_it_is(files):
    method = Brisque(model=files[0], ranges=files[1])
    assert (method.name, method.higher_is_better, method.needs_model) == ("brisque", False, False)
    assert method.columns == ("brisque",)
    assert method.parameters["brisque.model"] == "model"
    assert len(str(method.parameters["brisque.model_sha256"])) == 64
    other = files[1].with_name("other")  # other ranges give other scores, so their hash is a setting too
    other.write_text(files[1].read_text().replace("1 -0.5", "1 -0.6", 1))
    assert (
        Brisque(model=files[0], ranges=other).parameters["brisque.ranges_sha256"]
        != method.parameters["brisque.ranges_sha256"]
    )
    assert method.score(None, picture()[None], None).scaled is None


def test_bad_arguments_name_the_cure(files):
    model, ranges, _ = files
    with pytest.raises(InvalidInputError, match="halving is 'none'; choose one of antialiased, plain"):
        Brisque(model=model, ranges=ranges, halving="none")
    with pytest.raises(
        InvalidInputError, match="a BRISQUE model and its feature ranges belong together; give both"
    ):
        Brisque(model=model)
    with pytest.raises(
        InvalidInputError, match=r"faces is uint8 of shape \(40, 33, 3\); give uint8, \(N, H, W, 3\)"
    ):
        brisque(picture(), model=model, ranges=ranges)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epsilon_svr", "c_svc", "is c_svc with kernel rbf; epsilon_svr or nu_svr with rbf was expected"),
        ("kernel_type rbf", "kernel_type linear", "with kernel linear"),
        ("total_sv 5", "total_sv 6", "5 support vectors of 6; the file is cut off or damaged"),
        ("gamma 0.05", "gamma wide", "has gamma wide"),
        ("36:", "37:", "is no feature from 1 to 36"),
        (" 2:", " 2:x", "line 8: a number is malformed"),
        ("svm_type", "svm_tipe", "is None with kernel rbf"),
    ],
)
def test_damaged_libsvm_models(files, old, new, message):
    model, ranges, _ = files
    model.write_text(model.read_text().replace(old, new, 1))
    with pytest.raises(ModelError, match=message):
        Brisque(model=model, ranges=ranges)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no file of svm-scale for -1 to 1"),
        ("x\n0 1\n1 0 1\n", "is no file of svm-scale for -1 to 1"),
        ("x\n-1 1\n1 0 1\n", "holds no finite ranges; 2 rows of 36 numbers were expected"),
        ("x\n-1 1\n37 0 1\n", "line 3: an index from 1 to 36 and two numbers were expected"),
        ("x\n-1 1\n1 0\n", "line 3: an index"),
        (b"\x80\x04}.", "2 rows of 36 numbers were expected"),
        (b"\x80\x04cos\nsystem\n.", "it asks for os.system"),
    ],
)
def test_damaged_ranges(files, text, message):
    model, ranges, _ = files
    ranges.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ModelError, match=message):
        Brisque(model=model, ranges=ranges)


def test_empty_ranges_and_missing_files(files, tmp_path):
    model, ranges, numbers = files
    ranges.write_text(ranges.read_text().replace(f"3 -0.5 {numbers[3][2]}", "3 1 1"))
    with pytest.raises(ModelError, match="the range of feature 3 is empty"):
        Brisque(model=model, ranges=ranges)
    with pytest.raises(ModelError, match=r"cannot read the model file .*nothing"):
        Brisque(model=tmp_path / "nothing", ranges=ranges)


def test_the_package_that_carries_a_model_is_not_imported(tmp_path, monkeypatch):
    folder = tmp_path / "brisque" / "models"
    folder.mkdir(parents=True)
    (tmp_path / "brisque" / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "svm.txt").write_text("svm")
    (folder / "normalize.pickle").write_bytes(b"")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert default_model() == (folder / "svm.txt", folder / "normalize.pickle")
    assert "brisque" not in sys.modules
    (folder / "svm.txt").unlink()
    with pytest.raises(DependencyError, match=r"run `pip install 'fiqx-trt\[brisque\]'`, or give a model"):
        create_method("brisque")


def test_distortions_of_a_photo_are_ranked_with_the_default_model():
    try:
        default_model()
    except DependencyError as error:
        pytest.skip(str(error))
    data = pytest.importorskip("skimage.data")
    photo = data.astronaut()
    noise = np.random.default_rng(0).normal(0, 20, photo.shape)
    ladder = [photo, *(cv2.GaussianBlur(photo, (0, 0), s) for s in (1, 3)), np.clip(photo + noise, 0, 255)]
    for halving in ("antialiased", "plain"):
        clean, soft, blurred, noisy = brisque(np.stack(ladder).astype(np.uint8), halving=halving)
        assert clean < 20 < soft < blurred < 100
        assert noisy > clean + 20
