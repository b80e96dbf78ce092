"""A recognition model at work: faces in, embeddings and the other taps out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels
from fiqx_trt.errors import InvalidInputError, ModelError
from fiqx_trt.kernels import Array
from fiqx_trt.models.extracted import Extracted, flat
from fiqx_trt.models.probe import probe_faces
from fiqx_trt.models.spec import ModelSpec
from fiqx_trt.onnx_export.graphs.affine import folded_head, head_affine
from fiqx_trt.onnx_export.graphs.input_size import fixed_batch
from fiqx_trt.onnx_export.graphs.split import cut, with_outputs
from fiqx_trt.runtime import open_session
from fiqx_trt.runtime.base import Session
from fiqx_trt.runtime.place import HOST, Place, session_place
from fiqx_trt.runtime.turns import refuse_pickling
from fiqx_trt.text import field_words

if TYPE_CHECKING:
    import onnx

__all__ = ["Extracted", "Model"]


@dataclass(frozen=True)
class RuntimeChoice:
    """Where and how a model's graphs run; see :func:`fiqx_trt.runtime.open_session`."""

    backend: str = "auto"
    precision: str = "auto"
    device: str = "auto"
    max_batch: int | None = None
    threads: int | None = None


#: Lengths of embeddings that differ by less than this share are the same; bfloat16 resolves 0.004.
SAME_LENGTH = 1e-3
#: Embeddings of one face, alone and among others, differ by less than this share of their largest value.
SAME_ROW = 0.02


class Model:
    """A recognition model with its contract.

    Use :func:`fiqx_trt.load_model` to make one. A model is a context manager; :meth:`close` frees its sessions.

    Parameters
    ----------
    spec
        The complete contract.
    graph
        The network.
    runtime
        Where and how to run it.

    Attributes
    ----------
    place
        Where its arrays lie between faces and results: on its GPU, where everything can, or in host memory.
    """

    def __init__(self, spec: ModelSpec, graph: onnx.ModelProto, runtime: RuntimeChoice | None = None) -> None:
        self.spec = spec
        self._graph = graph
        self._runtime = runtime or RuntimeChoice()
        self._taps = (spec.embedding, spec.pre_dropout, spec.features)
        self._trunk = self._open(
            with_outputs(graph, list(dict.fromkeys(self._taps))), {spec.image: self._probe()}
        )
        self._check_rows()
        self.place, self._place_note = _model_place(spec, self._trunk)
        self._heads: dict[int, Session] = {}
        self._sessions: dict[tuple[str, ...], Session] = {}
        self._derived: dict[str, Session] = {}
        self._norms: dict[Place, Array] = {}

    @property
    def backend(self) -> str:
        """Name of the backend in use."""
        return self._trunk.backend

    @property
    def device(self) -> str:
        """Name of the device in use."""
        return self._trunk.device

    @property
    def precision(self) -> str:
        """Precision in use: ``"fp32"``, ``"bf16"`` or ``"fp16"``."""
        return self._trunk.precision

    @property
    def notes(self) -> tuple[str, ...]:
        """Why this backend and precision were chosen, a line each, and why arrays do not stay on the GPU if they do not."""
        return (*self._trunk.notes, self._place_note) if self._place_note else self._trunk.notes

    def embed(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the L2-normalised embeddings of aligned faces.

        Parameters
        ----------
        faces
            ``(N, H, W, 3)`` uint8 RGB, of the model's input size.

        Returns
        -------
        ndarray
            ``(N, D)`` float32 of unit length; a row is NaN where the network gave a zero or non-finite embedding.

        Raises
        ------
        InvalidInputError
            The faces have another shape or dtype.
        """
        raw = self.extract(faces).embedding
        norm = np.sqrt(np.square(raw, dtype=np.float64).sum(axis=1, keepdims=True))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(raw / norm, dtype=np.float32)

    def extract(self, faces: NDArray[np.uint8]) -> Extracted:
        """Return the three taps of aligned faces, by one run of the network.

        Parameters
        ----------
        faces
            ``(N, H, W, 3)`` uint8 RGB, of the model's input size.

        Raises
        ------
        InvalidInputError
            The faces have another shape or dtype.
        """
        outputs = self.place.run(self._trunk, {self.spec.image: self.input(faces)})
        embedding, pre_dropout, features = (outputs[name] for name in self._taps)
        return Extracted(flat(embedding), flat(pre_dropout), features, self.place)

    def normalise(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what the network reads, in host memory: ``(N, C, H, W)`` float32 in the model's scale and channel order."""
        return np.asarray(self._tensor(faces, HOST, self.spec.mean, self.spec.std))

    def input(self, faces: NDArray[np.uint8], *, raw: bool = False) -> Array:
        """Return what :meth:`normalise` does, at :attr:`place`, where nothing but the faces themselves travels to.

        Parameters
        ----------
        faces
            ``(N, H, W, 3)`` uint8 RGB, of the model's input size.
        raw
            Intensities 0 … 255 as they are, for graphs that normalise by themselves.
        """
        mean, std = ((0.0,), (1.0,)) if raw else (self.spec.mean, self.spec.std)
        return self._tensor(faces, self.place, mean, std)

    def _tensor(
        self, faces: NDArray[np.uint8], place: Place, mean: Sequence[float], std: Sequence[float]
    ) -> Array:
        given = place.upload(self.check_faces(faces))
        pixels = kernels.face_input(given, mean=mean, std=std, color=self.spec.color, stream=place.stream)
        channels = len(self.spec.mean)  # a gray network has one, and its place is the host
        return pixels if channels == 3 else np.ascontiguousarray(pixels[:, :channels])

    def check_faces(self, faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return faces as an array, or say what is wrong with them.

        Raises
        ------
        InvalidInputError
            They are not ``(N, H, W, 3)`` uint8 of the model's input size.
        """
        faces = np.asarray(faces)
        wanted = (*self.spec.input_size, 3)
        if faces.ndim != 4 or faces.shape[1:] != wanted or faces.dtype != np.uint8:
            raise InvalidInputError(
                f"faces are {faces.dtype} of shape {faces.shape}; {self.spec.name} wants uint8 RGB of shape "
                f"(N, {wanted[0]}, {wanted[1]}, 3). Align or resize them first (fiqx_trt.faces.align)"
            )
        return faces

    def head(self, h: Array, *, rows_per_face: int = 1) -> Array:
        """Return raw embeddings of pre-dropout vectors.

        Parameters
        ----------
        h
            ``(N, F)`` float32, in host memory or at :attr:`place`.
        rows_per_face
            Rows that belong together; they run together, so a row's result never depends on other faces.

        Returns
        -------
        array
            ``(N, D)`` float32, where ``h`` lies.
        """
        place = HOST if isinstance(h, np.ndarray) else self.place
        session = self.head_session(rows_per_face)
        shape = tuple(int(size) for size in session.inputs[0].shape[1:] if size is not None)
        outputs = place.run(session, {self.spec.pre_dropout: kernels.reshape(h, (len(h), *shape))})
        return flat(outputs[self.spec.embedding])

    def head_session(self, rows_per_face: int) -> Session:
        """Return the session that :meth:`head` runs, opened once for each number of rows."""
        if rows_per_face not in self._heads:
            self._heads[rows_per_face] = self._open_head(rows_per_face)
        return self._heads[rows_per_face]

    def session(self, outputs: tuple[str, ...], *, batch: int | None = None) -> Session:
        """Return this network with other outputs, on the same backend and in the same precision; opened once.

        Parameters
        ----------
        outputs
            Names of tensors in the graph. The input is :attr:`ModelSpec.image`, as :meth:`normalise` makes it.
        batch
            Rows that always come together. A GPU runs that many at once where the user set no limit; elsewhere the batch is
            measured anyway.

        Raises
        ------
        ModelError
            A name is not in the graph.
        """
        if outputs not in self._sessions:
            self._sessions[outputs] = self._open(
                with_outputs(self._graph, list(outputs)),
                None,
                batch=None if self.place is HOST else self._runtime.max_batch or batch,
                like=self._trunk,
            )
        return self._sessions[outputs]

    def derived(self, key: str, make: Callable[[onnx.ModelProto], onnx.ModelProto | Session]) -> Session:
        """Return a session of a graph made from this network: float32, on the same backend and device, opened once.

        Parameters
        ----------
        key
            What is made, so that it is made once.
        make
            From this network to another graph, or to a session of its own. The session is closed with the model.

        Raises
        ------
        ModelError
            From ``make``, or no backend can open the graph.
        """
        if key not in self._derived:
            made = make(self._graph)
            if not isinstance(made, Session):
                made = open_session(
                    made,
                    backend=self.backend,
                    precision="fp32",
                    device=self.device,
                    max_batch=self._runtime.max_batch,
                    threads=self._runtime.threads,
                )
            self._derived[key] = made
        return self._derived[key]

    @cached_property
    def head_affine(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The head as ``e = A h + b``: A ``(D, F)`` and b ``(D,)``, float64."""
        try:
            return head_affine(self._head)
        except ModelError as error:
            raise ModelError(
                f"{error}; name the output of the last linear layer with {field_words('embedding')}, or sample the noise "
                "(--estimator sampled)"
            ) from error

    @cached_property
    def head_column_norms(self) -> NDArray[np.float64]:
        """Squared norms ‖A_:k‖² of the head's columns, ``(F,)`` float64."""
        weights, _ = self.head_affine
        return np.asarray(np.square(weights).sum(axis=0))

    @cached_property
    def normalises(self) -> bool:
        """Whether the file normalises its embeddings: those of the probe faces all have the same length."""
        raw = self.extract(probe_faces(self.spec.input_size)).embedding.astype(np.float64)
        lengths = np.sqrt(np.square(raw).sum(axis=1))
        return bool(np.ptp(lengths) <= SAME_LENGTH * lengths.mean())

    @cached_property
    def head_rank(self) -> float:
        """Effective rank of the head, ``(tr A Aᵀ)² / tr (A Aᵀ)²``, from 1 to D: over how many directions its noise spreads.

        To six digits, so that the order of additions of a matrix product does not show.
        """
        weights, _ = self.head_affine
        gram = weights @ weights.T
        power = float(np.square(gram).sum())
        return max(1.0, float(f"{np.trace(gram) ** 2 / power:.6g}")) if power > 0 else math.inf

    def column_norms_at(self, place: Place) -> Array:
        """Return :attr:`head_column_norms` at a place, brought there once."""
        if place not in self._norms:
            self._norms[place] = place.upload(self.head_column_norms)
        return self._norms[place]

    def close(self) -> None:
        """Free the sessions; the model cannot be used afterwards."""
        for session in (
            self._trunk,
            *self._heads.values(),
            *self._sessions.values(),
            *self._derived.values(),
        ):
            session.close()

    def __repr__(self) -> str:
        spec = self.spec
        height, width = spec.input_size
        calibrated = "calibrated" if spec.alpha is not None and spec.r is not None else "not calibrated"
        return (
            f"Model({spec.name}: faces {height}x{width} {spec.color}, template {spec.template}, {calibrated}; "
            f"{self.backend} on {self.device}, {self.precision})"
        )

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled."""
        refuse_pickling("an open Model")

    def __enter__(self) -> Model:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _probe(self) -> NDArray[np.float32]:
        return self.normalise(probe_faces(self.spec.input_size))

    def _check_rows(self) -> None:
        """Refuse a file of a fixed batch whose rows depend on each other.

        Sessions of a free batch are held to it when they are tuned: one whose rows differ in a batch runs at batch 1.
        """
        fixed = fixed_batch(self._graph, self.spec.image)
        if fixed < 2:
            return
        faces = self.normalise(probe_faces(self.spec.input_size, count=fixed))
        together, alone = (
            flat(self._trunk.run({self.spec.image: some})[self.spec.embedding])
            for some in (faces, faces[-1:])
        )
        if np.abs(together[-1] - alone[0]).max() > SAME_ROW * np.abs(alone[0]).max():
            self._trunk.close()
            raise ModelError(
                f"{self.spec.name} has a fixed batch of {fixed}, and a face's embedding depends on the others in it; "
                "export it with a batch of 1, or a free one"
            )

    @cached_property
    def _head(self) -> onnx.ModelProto:
        return cut(self._graph, inputs=[self.spec.pre_dropout], outputs=[self.spec.embedding])

    def _open_head(self, rows: int) -> Session:
        """Open the head where the trunk runs: as one layer, where that is cheaper than its own."""
        precision = self._runtime.precision
        return self._open(folded_head(self._head), None, batch=rows, like=self._trunk, precision=precision)

    def _open(
        self,
        graph: onnx.ModelProto,
        probe: dict[str, NDArray[np.float32]] | None,
        batch: int | None = None,
        like: Session | None = None,
        precision: str | None = None,
    ) -> Session:
        choice = self._runtime
        if like is not None:
            precision = precision or like.precision
            choice = replace(choice, backend=like.backend, precision=precision, device=like.device)
        return open_session(
            graph,
            backend=choice.backend,
            precision=choice.precision,
            device=choice.device,
            max_batch=batch or choice.max_batch,
            threads=choice.threads,
            probe=probe,
        )


def _model_place(spec: ModelSpec, trunk: Session) -> tuple[Place, str]:
    place, why = session_place(trunk)
    if place is HOST or len(spec.mean) == 3:
        return place, why
    return HOST, "masks, scores and maps are computed on the processor: the network reads one channel"
