"""What a quality network wants and gives: its input contract, from a sidecar beside it or ready by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from fiqx_trt.errors import InvalidInputError, ModelError
from fiqx_trt.models.contract import Color, InputContract, check_names, read_fields, typed_field

__all__ = ["CONTRACTS", "ScorerContract", "read_contract"]

REDUCTIONS = ("value", "norm")


@dataclass(frozen=True)
class ScorerContract(InputContract):
    """What a quality network wants and gives.

    Parameters
    ----------
    input_size, mean, std, color
        See :class:`fiqx_trt.models.contract.InputContract`; a single mean or std stands for every channel.
    higher_is_better
        Direction of the score.
    template
        Alignment it was trained with (:data:`fiqx_trt.faces.align.TEMPLATES`); empty: the crop is only resized.
    output
        Output tensor with the score; empty where one output alone fits.
    reduce
        ``"value"``: the output is one number per face. ``"norm"``: an embedding whose Euclidean length is the score.
    clip
        Bounds the score is clipped to; empty for none.
    name
        Name of the column; empty: the file's stem.
    source
        Where the facts come from.
    """

    input_size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    color: Color
    higher_is_better: bool
    template: str = "arcface"
    output: str = ""
    reduce: Literal["value", "norm"] = "value"
    clip: tuple[float, ...] = ()
    name: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        """Check every field once."""
        self.check_input(one_for_all=True)
        if self.reduce not in REDUCTIONS:
            raise InvalidInputError(f"reduce is {self.reduce!r}; give value or norm")
        if self.clip and (len(self.clip) != 2 or self.clip[0] >= self.clip[1]):
            raise InvalidInputError(f"clip is {self.clip}; give a lower and a higher bound, or nothing")


#: Input contracts of published scorers, as their own inference programs have them.
CONTRACTS: Mapping[str, ScorerContract] = {
    # Boutros et al., CVPR 2023: evaluation/QualityModel.py scales by 255, then 0.5 and 0.5; the authors say that training
    # and testing are in RGB (their issue 9: their crops are stored swapped, so that OpenCV reads them as RGB).
    "cr-fiqa": ScorerContract(
        (112, 112),
        (127.5,),
        (127.5,),
        "rgb",
        True,
        source="fdbtrs/CR-FIQA, evaluation/QualityModel.py, issue 9",
    ),
    # Babnik et al., IEEE TBIOM 2024: configs/ediffiqa*_config.yaml, the same in all sizes; PIL reads RGB.
    "ediffiqa": ScorerContract(
        (112, 112), (127.5,), (127.5,), "rgb", True, source="LSIbabnikz/eDifFIQA, configs; opencv/opencv_zoo"
    ),
    # Hernandez-Ortega et al., 2020 (v0 and v1): OpenCV's BGR, intensities as they are, scores clipped to 0..1. Trained on
    # crops of a face detector's box, resized to 224 px.
    "faceqnet": ScorerContract(
        (224, 224),
        (0.0,),
        (1.0,),
        "bgr",
        True,
        template="facenet",
        clip=(0.0, 1.0),
        source="javier-hernandezo/FaceQnet, src/FaceQNet_obtainscores_Keras.py",
    ),
    # Meng et al., CVPR 2021: inference/gen_feat.py reads OpenCV's BGR, divides by 255, and does not normalise.
    "magface": ScorerContract(
        (112, 112),
        (0.0,),
        (255.0,),
        "bgr",
        True,
        reduce="norm",
        source="IrvingMeng/MagFace, inference/gen_feat.py",
    ),
    # Ou et al., CVPR 2021: quality/eval.py; PIL reads RGB.
    "sdd-fiqa": ScorerContract(
        (112, 112), (127.5,), (127.5,), "rgb", True, source="Tencent/TFace, quality/eval.py"
    ),
}


def read_contract(model: Path) -> ScorerContract:
    """Read the contract of a scorer from the sidecar beside it.

    Raises
    ------
    ModelError
        There is no sidecar, it is not JSON, or a field is unknown or of the wrong type.
    InvalidInputError
        A field is missing, or has a value that no network can have.
    """
    path = model.with_suffix(".json")
    if not path.is_file():
        raise ModelError(
            f"{model.name} has no sidecar {path.name}, which says what the scorer wants; write one such as "
            f'{{"contract": "cr-fiqa"}} (ready: {", ".join(CONTRACTS)}), or state input_size, mean, std, color and '
            "higher_is_better"
        )
    sidecar, origin = read_fields(path), f"the sidecar {path}"
    check_names(sidecar, {"contract", *(field.name for field in fields(ScorerContract))}, origin)
    base: dict[str, Any] = {}
    if "contract" in sidecar:
        ready = CONTRACTS.get(str(sidecar["contract"]))
        if ready is None:
            raise InvalidInputError(
                f"{origin} names the contract {sidecar['contract']!r}; there are {', '.join(CONTRACTS)}"
            )
        base = {field.name: getattr(ready, field.name) for field in fields(ScorerContract)}
    stated = {name: _typed(origin, name, value) for name, value in sidecar.items() if name != "contract"}
    whole = {**base, **stated}
    absent = [
        name for name in ("input_size", "mean", "std", "color", "higher_is_better") if name not in whole
    ]
    if absent:
        raise InvalidInputError(
            f"{origin} does not state {', '.join(absent)}; a guess could turn the scores around"
        )
    return ScorerContract(**whole)


def _typed(origin: str, name: str, value: Any) -> Any:
    if name != "higher_is_better":
        return typed_field(origin, name, value)
    if not isinstance(value, bool):
        raise ModelError(f"{origin} has {name} = {value!r}; give true or false")
    return value
