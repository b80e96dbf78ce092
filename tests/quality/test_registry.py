"""Every registered method keeps the same promises."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.models import Model, load_model
from fiqx_trt.quality import create_method, method_names
from support.nets import noise_faces, save, small_recogniser


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    path = save(small_recogniser(), tmp_path_factory.mktemp("model") / "small.onnx")
    with load_model(path, precision="fp32", alpha=100.0, r=0.5) as opened:
        yield opened


@pytest.mark.parametrize("name", method_names())
def test_conformance(model: Model, name: str) -> None:
    method = create_method(name)
    faces = noise_faces(7)
    before = faces.copy()
    quality = method.score(model, faces, model.extract(faces))
    np.testing.assert_array_equal(faces, before)
    assert method.name == name
    assert isinstance(method.higher_is_better, bool)
    assert method.columns[0] == name
    assert quality.raw.shape == (7,)
    assert quality.raw.dtype == np.float64
    assert np.isfinite(quality.raw).all()
    if quality.scaled is not None:
        assert method.columns[1] == f"{name}_scaled"
        assert ((quality.scaled >= 0) & (quality.scaled <= 1)).all()
    one = method.score(model, faces[3:4], model.extract(faces[3:4]))
    assert one.raw[0] == quality.raw[3]
    assert all(key.startswith(name) for key in method.parameters)
    assert all(isinstance(note, str) for note in method.notes(model))


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        InvalidInputError, match=r"no quality method is called 'beauty'; there are .*magface.*serfiq"
    ):
        create_method("beauty")
