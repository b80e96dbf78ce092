"""A recognition model at work: faces in, embeddings and the other taps out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.models.probe import probe_faces
from fiqx_trt.models.spec import ModelSpec
from fiqx_trt.onnx_export.affine import head_affine
from fiqx_trt.onnx_export.split import cut, with_outputs
from fiqx_trt.runtime import open_session
from fiqx_trt.runtime.base import Session

if TYPE_CHECKING:
    import onnx

__all__ = ["Extracted", "Model"]


@dataclass(frozen=True)
class Extracted:
    """The three taps of N faces.

    Parameters
    ----------
    embedding
        ``(N, D)`` float32, before L2 normalisation.
    pre_dropout
        ``(N, F)`` float32, what the last linear layer reads.
    features
        ``(N, C, h, w)`` float32, the deepest spatial activations.
    """

    embedding: NDArray[np.float32]
    pre_dropout: NDArray[np.float32]
    features: NDArray[np.float32]


@dataclass(frozen=True)
class RuntimeChoice:
    """Where and how a model's graphs run; see :func:`fiqx_trt.runtime.open_session`."""

    backend: str = "auto"
    precision: str = "auto"
    device: str = "auto"
    max_batch: int | None = None
    threads: int | None = None


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
    """

    def __init__(self, spec: ModelSpec, graph: onnx.ModelProto, runtime: RuntimeChoice | None = None) -> None:
        self.spec = spec
        self._graph = graph
        self._runtime = runtime or RuntimeChoice()
        self._taps = (spec.embedding, spec.pre_dropout, spec.features)
        self._trunk = self._open(
            with_outputs(graph, list(dict.fromkeys(self._taps))), {spec.image: self._probe()}
        )
        self._heads: dict[int, Session] = {}
        self._sessions: dict[tuple[str, ...], Session] = {}
        self._derived: dict[str, Session] = {}

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
        """Why this backend and precision were chosen, a line each."""
        return self._trunk.notes

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
        outputs = self._trunk.run({self.spec.image: self.normalise(faces)})
        embedding, pre_dropout, features = (outputs[name] for name in self._taps)
        count = len(faces)
        return Extracted(_rows(embedding, count), _rows(pre_dropout, count), features)

    def normalise(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what the network reads: ``(N, C, H, W)`` float32 in the model's scale and channel order."""
        faces = self.check_faces(faces)
        inputs: NDArray[np.float32] = kernels.face_input(
            faces, mean=self.spec.mean, std=self.spec.std, color=self.spec.color
        )
        return np.ascontiguousarray(inputs[:, : len(self.spec.mean)])  # a gray network has one channel

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

    def head(self, h: NDArray[np.float32], *, rows_per_face: int = 1) -> NDArray[np.float32]:
        """Return raw embeddings of pre-dropout vectors.

        Parameters
        ----------
        h
            ``(N, F)`` float32.
        rows_per_face
            Rows that belong together; they run together, so a row's result never depends on other faces.

        Returns
        -------
        ndarray
            ``(N, D)`` float32.
        """
        session = self.head_session(rows_per_face)
        shape = tuple(int(size) for size in session.inputs[0].shape[1:] if size is not None)
        outputs = session.run({self.spec.pre_dropout: h.reshape(len(h), *shape)})
        return _rows(outputs[self.spec.embedding], len(h))

    def head_session(self, rows_per_face: int) -> Session:
        """Return the session that :meth:`head` runs, opened once for each number of rows."""
        if rows_per_face not in self._heads:
            head = cut(self._graph, inputs=[self.spec.pre_dropout], outputs=[self.spec.embedding])
            self._heads[rows_per_face] = self._open(head, None, batch=rows_per_face)
        return self._heads[rows_per_face]

    def session(self, outputs: tuple[str, ...]) -> Session:
        """Return this network with other outputs, on the same backend and in the same precision; opened once.

        Parameters
        ----------
        outputs
            Names of tensors in the graph. The input is :attr:`ModelSpec.image`, as :meth:`normalise` makes it.

        Raises
        ------
        ModelError
            A name is not in the graph.
        """
        if outputs not in self._sessions:
            self._sessions[outputs] = self._open(
                with_outputs(self._graph, list(outputs)), None, like=self._trunk
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
        return head_affine(cut(self._graph, inputs=[self.spec.pre_dropout], outputs=[self.spec.embedding]))

    @cached_property
    def head_column_norms(self) -> NDArray[np.float64]:
        """Squared norms ‖A_:k‖² of the head's columns, ``(F,)`` float64."""
        weights, _ = self.head_affine
        return np.asarray(np.square(weights).sum(axis=0))

    def close(self) -> None:
        """Free the sessions; the model cannot be used afterwards."""
        for session in (
            self._trunk,
            *self._heads.values(),
            *self._sessions.values(),
            *self._derived.values(),
        ):
            session.close()

    def __enter__(self) -> Model:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _probe(self) -> NDArray[np.float32]:
        return self.normalise(probe_faces(self.spec.input_size))

    def _open(
        self,
        graph: onnx.ModelProto,
        probe: dict[str, NDArray[np.float32]] | None,
        batch: int | None = None,
        like: Session | None = None,
    ) -> Session:
        choice = self._runtime
        if like is not None:
            choice = replace(choice, backend=like.backend, precision=like.precision, device=like.device)
        return open_session(
            graph,
            backend=choice.backend,
            precision=choice.precision,
            device=choice.device,
            max_batch=batch or choice.max_batch,
            threads=choice.threads,
            probe=probe,
        )


def _rows(array: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    return np.asarray(array, dtype=np.float32).reshape(count, int(np.prod(array.shape[1:])))
