"""Any supervised quality network as a method: ``onnx:<file>``, with its own input contract in a sidecar.

``onnx:<name>`` takes one of the table of known models (``fiqx-trt model list``), which states its contract.

The network is given the face in *its* size, scale, colour order and alignment, whatever the recogniser wants. These come
from ``<file>.json`` beside the file::

    {"contract": "cr-fiqa", "name": "cr_fiqa_l", "output": "qs"}

or are all stated::

    {"name": "mine", "input_size": [112, 112], "mean": [127.5], "std": [127.5], "color": "rgb", "template": "arcface",
     "higher_is_better": true}

Nothing that changes a number is guessed: a scorer fed the wrong channel order or scale gives plausible nonsense.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels
from fiqx_trt.errors import InvalidInputError, ModelError
from fiqx_trt.quality.base import Quality
from fiqx_trt.quality.scorer_contract import ScorerContract, read_contract
from fiqx_trt.zoo import KnownModel, fetch, known

if TYPE_CHECKING:
    from fiqx_trt.models.model import Extracted, Model
    from fiqx_trt.runtime.base import Session, TensorInfo

__all__ = ["OnnxScorer", "known_contract"]


class OnnxScorer:
    """A quality network from a file.

    It runs in float32, on the backend and device of the recognition model beside it, or on the first that works.

    Parameters
    ----------
    model
        The ONNX file.
    contract
        What it wants; default: from its sidecar.

    Raises
    ------
    ModelError
        There is no such file, or no sidecar.
    InvalidInputError
        The contract is not usable.
    """

    needs_model = False

    def __init__(self, model: Path, *, contract: ScorerContract | None = None) -> None:
        from fiqx_trt.onnx_export.graphs.reading import model_sha256

        self._path = Path(model)
        if not self._path.is_file():
            raise ModelError(f"there is no scorer {self._path}; give onnx:FILE with an existing ONNX file")
        self.contract = contract or read_contract(self._path)
        self.name = self.contract.name or self._path.stem
        self.higher_is_better = self.contract.higher_is_better
        self._sha256 = model_sha256(self._path)
        self._own: Session | None = None

    @classmethod
    def from_argument(cls, argument: str) -> OnnxScorer:
        """Build it from what stands behind ``onnx:``: a file, or the name of a known quality network, which is fetched."""
        entry = known(argument)
        if entry is None:
            return cls(Path(argument))
        contract = known_contract(entry)
        path = fetch(entry).path
        if path is None:
            raise ModelError(
                f"{entry.name} cannot be kept on this machine; set FIQX_CACHE_DIR to a folder of your own"
            )
        return cls(path, contract=contract)

    @property
    def columns(self) -> tuple[str, ...]:
        """The score."""
        return (self.name,)

    @property
    def parameters(self) -> Mapping[str, object]:
        """Every setting that changes a number, and the direction."""
        contract = {
            field.name: getattr(self.contract, field.name)
            for field in fields(ScorerContract)
            if field.name not in ("name", "source")
        }
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in contract.items()}
        return {f"{self.name}.{name}": value for name, value in {"sha256": self._sha256, **plain}.items()}

    def notes(self, model: Model) -> tuple[str, ...]:
        """Say how the scorer's crop is made of the recogniser's."""
        template, own = model.spec.template, self.contract.template
        if not own or own == template:
            return ()
        return (
            f"{self.name} wants faces aligned as {own}; they are moved there from the recogniser's {template} crops, which "
            "costs sharpness where those are smaller",
        )

    def score(self, model: Model | None, faces: NDArray[np.uint8], extracted: Extracted | None) -> Quality:
        """Score ``(N, H, W, 3)`` uint8 RGB faces; the recognition model only says how they are aligned."""
        if faces.ndim != 4 or faces.shape[-1] != 3 or faces.dtype != np.uint8:
            raise InvalidInputError(
                f"faces is {faces.dtype} of shape {faces.shape}; give uint8, (N, H, W, 3)"
            )
        session = self._session(model)
        info = session.inputs[0]
        crops = self.crops(faces, None if model is None else model.spec.template)
        mean, std = self.contract.per_channel
        pixels = kernels.face_input(crops, mean=mean, std=std, color=self.contract.color)
        feed = np.ascontiguousarray(np.moveaxis(pixels, 1, -1)) if _channels_last(info) else pixels
        outputs = session.run({info.name: feed})
        return Quality(self._reduced(outputs[self._output(session).name], len(faces)))

    def crops(self, faces: NDArray[np.uint8], template: str | None = None) -> NDArray[np.uint8]:
        """Return faces in the scorer's size and alignment.

        Parameters
        ----------
        faces
            ``(N, H, W, 3)`` uint8 RGB.
        template
            How they are aligned; ``None``: as the scorer wants them.
        """
        from fiqx_trt.faces.align import align, template_by_name
        from fiqx_trt.opencv import cv2

        height, width = self.contract.input_size
        own = self.contract.template
        if template is not None and own and own != template:
            points = template_by_name(template).scaled((faces.shape[1], faces.shape[2]))
            moved = [align(face, points, own, (height, width)) for face in faces]
        elif faces.shape[1:3] == (height, width):
            return faces
        else:
            way = (
                cv2.INTER_AREA
                if min(faces.shape[1] / height, faces.shape[2] / width) >= 1
                else cv2.INTER_LINEAR
            )
            moved = [cv2.resize(face, (width, height), interpolation=way) for face in faces]
        return np.stack(moved) if moved else np.zeros((0, height, width, 3), np.uint8)

    def close(self) -> None:
        """Free the session that runs without a recognition model; one beside a model is freed with it."""
        if self._own is not None:
            self._own.close()
            self._own = None

    def _session(self, model: Model | None) -> Session:
        if model is not None:
            session = model.derived(f"onnx scorer {self._sha256}", lambda network: self._graph())
        else:
            if self._own is None:
                from fiqx_trt.runtime import open_session

                self._own = open_session(self._graph(), precision="fp32")
            session = self._own
        self._check(session)
        return session

    def _graph(self) -> Any:
        from fiqx_trt.onnx_export.graphs.reading import read_model

        return read_model(self._path)

    def _check(self, session: Session) -> None:
        wanted = (self.contract.channels, *self.contract.input_size)
        if len(session.inputs) != 1:
            raise ModelError(
                f"the scorer {self._path.name} has {len(session.inputs)} inputs; one picture is wanted"
            )
        shape = session.inputs[0].shape[1:]
        ordered = (shape[-1], *shape[:-1]) if _channels_last(session.inputs[0]) else shape
        fits = len(ordered) == 3 and all(
            size in (None, want) for size, want in zip(ordered, wanted, strict=True)
        )
        if not fits or session.inputs[0].dtype != np.float32:
            raise ModelError(
                f"the scorer {self._path.name} reads {session.inputs[0]}, its contract says {wanted[0]} channels of "
                f"{wanted[1]}×{wanted[2]} float32; correct {self._path.with_suffix('.json').name}"
            )

    def _output(self, session: Session) -> TensorInfo:
        """Return the output with the score."""
        named = {info.name: info for info in session.outputs}
        if self.contract.output:
            if self.contract.output not in named:
                raise ModelError(
                    f"the scorer {self._path.name} has no output {self.contract.output!r}; it has {', '.join(named)}"
                )
            return named[self.contract.output]
        single = self.contract.reduce == "value"
        fitting = [info for info in session.outputs if (_width(info) == 1) == single]
        if len(fitting) != 1:
            kind = "one number" if single else "an embedding"
            raise ModelError(
                f"{len(fitting)} outputs of the scorer {self._path.name} give {kind} per face "
                f"({'; '.join(map(str, session.outputs))}); name one as output in its sidecar"
            )
        return fitting[0]

    def _reduced(self, values: NDArray[Any], count: int) -> NDArray[np.float64]:
        rows = np.asarray(values, np.float64).reshape(count, -1)
        if self.contract.reduce == "norm":
            score = np.sqrt(np.square(rows).sum(axis=1))
        elif rows.shape[1] == 1 or not count:
            score = rows.reshape(count)
        else:
            raise ModelError(
                f"the scorer {self._path.name} gives {rows.shape[1]} numbers per face, not one; name another output, or "
                'set "reduce": "norm"'
            )
        if self.contract.clip:
            low, high = self.contract.clip
            score = np.clip(score, low, high)
        return np.asarray(score)


def _channels_last(info: TensorInfo) -> bool:
    """Say whether a picture's colours come last, as in graphs converted from Keras."""
    shape = info.shape
    return len(shape) == 4 and shape[3] in (1, 3) and shape[1] not in (1, 3)


def _width(info: TensorInfo) -> int | None:
    """Return how many numbers an output has per face; ``None`` when that is not fixed."""
    sizes = info.shape[1:]
    return (
        None if None in sizes else int(np.prod([size for size in sizes if size is not None], dtype=np.int64))
    )


def known_contract(entry: KnownModel) -> ScorerContract:
    """Return what a known quality network wants, as the table states it.

    Raises
    ------
    ModelError
        The known model is no quality network.
    """
    if entry.kind != "quality":
        raise ModelError(
            f"{entry.name} is a {entry.kind}, not a quality network; give onnx:FILE, or --model {entry.name}"
        )
    stated: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in entry.contract.items()
    }
    return ScorerContract(**{**stated, "name": entry.name, "source": entry.about})
