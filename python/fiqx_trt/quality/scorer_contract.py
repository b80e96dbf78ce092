"""What a quality network wants and gives: its input contract, from a sidecar beside it or ready by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from fiqx_trt.errors import InvalidInputError, ModelError
from fiqx_trt.files import parse_json, read_regular

__all__ = ["CONTRACTS", "ScorerContract", "read_contract"]

Color = Literal["rgb", "bgr", "gray"]
COLORS = ("rgb", "bgr", "gray")
REDUCTIONS = ("value", "norm")


@dataclass(frozen=True)
class ScorerContract:
    """What a quality network wants and gives.

    Parameters
    ----------
    input_size
        Height and width of its input.
    mean, std
        One number, or one per channel in the network's order: it reads ``(x - mean) / std`` of intensities 0..255.
    color
        Channel order: ``"rgb"``, ``"bgr"`` or ``"gray"``.
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

    @property
    def channels(self) -> int:
        """How many colours the network reads."""
        return 1 if self.color == "gray" else 3

    @property
    def per_channel(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and std, one number per channel each."""
        mean, std = (value * self.channels if len(value) == 1 else value for value in (self.mean, self.std))
        return mean, std

    def __post_init__(self) -> None:
        """Check every field once."""
        channels = self.channels
        checks = {
            "input_size": len(self.input_size) == 2 and min(self.input_size) >= 1,
            "color": self.color in COLORS,
            "mean": len(self.mean) in (1, channels),
            "std": len(self.std) in (1, channels) and 0.0 not in self.std,
            "reduce": self.reduce in REDUCTIONS,
            "clip": not self.clip or (len(self.clip) == 2 and self.clip[0] < self.clip[1]),
        }
        for field, good in checks.items():
            if not good:
                raise InvalidInputError(f"the scorer's {field} is {getattr(self, field)!r}: {_WANTED[field]}")


_WANTED = {
    "input_size": "give height and width in pixels",
    "color": "give rgb, bgr or gray",
    "mean": "give one number, or one per channel",
    "std": "give one number other than 0, or one per channel",
    "reduce": "give value or norm",
    "clip": "give a lower and a higher bound, or nothing",
}

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
        There is no sidecar, or it is not JSON.
    InvalidInputError
        A field is unknown, missing or of the wrong kind.
    """
    path = model.with_suffix(".json")
    if not path.is_file():
        raise ModelError(
            f"{model.name} has no sidecar {path.name}, which says what the scorer wants; write one such as "
            f'{{"contract": "cr-fiqa"}} (ready: {", ".join(CONTRACTS)}), or state input_size, mean, std, color and '
            "higher_is_better"
        )
    try:
        given = parse_json(read_regular(path))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read the scorer's sidecar {path}: {error}") from error
    if not isinstance(given, dict):
        raise ModelError(
            f"the scorer's sidecar {path} holds a {type(given).__name__}; it must be one JSON object"
        )
    return _contract(path, given)


def _contract(path: Path, given: dict[str, Any]) -> ScorerContract:
    known = {field.name for field in fields(ScorerContract)}
    unknown = sorted(given.keys() - known - {"contract"})
    if unknown:
        raise InvalidInputError(
            f"the sidecar {path} has unknown fields {', '.join(unknown)}; known are contract, {', '.join(sorted(known))}"
        )
    base: dict[str, Any] = {}
    if "contract" in given:
        ready = CONTRACTS.get(given["contract"])
        if ready is None:
            raise InvalidInputError(
                f"the sidecar {path} names the contract {given['contract']!r}; there are {', '.join(CONTRACTS)}"
            )
        base = {field.name: getattr(ready, field.name) for field in fields(ScorerContract)}
    stated = {name: _typed(path, name, value) for name, value in given.items() if name != "contract"}
    whole = {**base, **stated}
    absent = [
        name for name in ("input_size", "mean", "std", "color", "higher_is_better") if name not in whole
    ]
    if absent:
        raise InvalidInputError(
            f"the sidecar {path} does not state {', '.join(absent)}; a guess could turn the scores around"
        )
    return ScorerContract(**whole)


def _typed(path: Path, name: str, value: Any) -> Any:
    try:
        if name == "input_size":
            height, width = value
            return int(height), int(width)
        if name in ("mean", "std", "clip"):
            return tuple(map(float, value if isinstance(value, list) else [value]))
    except (OverflowError, TypeError, ValueError) as error:
        raise InvalidInputError(f"the sidecar {path} has {name} = {value!r}: {error}") from error
    wanted = bool if name == "higher_is_better" else str
    if not isinstance(value, wanted):
        raise InvalidInputError(f"the sidecar {path} has {name} = {value!r}; give a {wanted.__name__}")
    return value
