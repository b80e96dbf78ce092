"""Every registered method keeps the same promises."""

from __future__ import annotations

import pytest

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.quality import create_method
from fiqx_trt.quality.base import METHODS
from fiqx_trt.testing import check_quality_method


@pytest.mark.law
@pytest.mark.parametrize("name", sorted(METHODS.builtin))
def test_conformance(name: str) -> None:
    check_quality_method(name)


def test_the_sampled_estimator_conforms_too() -> None:
    check_quality_method("serfiq", options={"estimator": "sampled", "passes": 5, "dropout": 0.3})


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        InvalidInputError,
        match=r"no quality method is called 'beauty'; there are .*magface.*serfiq and onnx:FILE",
    ):
        create_method("beauty")
