"""What is measured with is what it says: faces where the landmarks are, crops that decode to them, the user's own."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.faces.decode import decode
from fiqx_trt.faces.prepare import FacePreparer
from fiqx_trt.faces.sources import iter_sources
from fiqx_trt.models.probe import probe_faces
from fiqx_trt.throughput.pictures import given_material, made_material


@pytest.mark.parametrize(("size", "template"), [((112, 112), "arcface"), ((150, 150), "dlib")])
def test_made_crops_and_photos_show_the_faces(tmp_path: Path, size: tuple[int, int], template: str) -> None:
    material = made_material(size, template, tmp_path, count=4)
    np.testing.assert_array_equal(material.faces, probe_faces(size, count=4))
    for face, crop, photo in zip(material.faces, material.crops, material.photos, strict=True):
        assert np.abs(decode(crop.read()).astype(int) - face).mean() < 5
        assert decode(photo.read()).shape == (480, 640, 3)
        (record,) = material.prepare_photos(photo)
        assert record.status == "ok"
        assert record.image is not None
        inside = np.s_[8:-8, 8:-8]
        smooth = cv2.blur(face, (3, 3))[inside].ravel()
        assert np.corrcoef(record.image[inside].ravel(), smooth)[0, 1] > 0.97
    assert "4 synthetic faces" in material.about
    assert "nobody's" in material.about


def test_pictures_come_again_in_their_order(tmp_path: Path) -> None:
    material = made_material((112, 112), "arcface", tmp_path, count=3)
    assert [crop.path for crop in material.some_crops(7)] == [material.crops[i % 3].path for i in range(7)]
    assert [photo.path for photo in material.some_photos(4)] == [
        material.photos[i % 3].path for i in range(4)
    ]
    np.testing.assert_array_equal(material.batch(5), material.faces[[0, 1, 2, 0, 1]])


def test_given_pictures_are_the_first_with_a_face(tmp_path: Path) -> None:
    faces = probe_faces((112, 112), count=6)
    for index, face in enumerate(faces):
        cv2.imwrite(str(tmp_path / f"{index}.png"), face[:, :, ::-1])
    (tmp_path / "1.png").write_bytes(b"torn")
    preparer = FacePreparer((112, 112), "arcface", aligned=True)
    material = given_material(iter_sources(tmp_path), preparer, threads=3, most=4)
    assert [Path(source.path).name for source in material.crops] == ["0.png", "2.png", "3.png", "4.png"]
    np.testing.assert_array_equal(material.faces, faces[[0, 2, 3, 4]])
    assert material.about == "the first 4 given pictures with a face (1 without left out)"
    assert material.preparing == "decoding the given crops"


def test_no_picture_to_measure_with(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"torn")
    preparer = FacePreparer((112, 112), "arcface", aligned=True)
    with pytest.raises(
        InvalidInputError, match=r"none of the first 1 pictures can be measured with; .*1\.png: "
    ):
        given_material(iter_sources(tmp_path), preparer, threads=1)
