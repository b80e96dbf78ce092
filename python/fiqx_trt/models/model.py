"""Run a recogniser: aligned faces to embeddings, pre-dropout vectors and feature maps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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
from fiqx_trt.models.sessions import ModelSessions, RuntimeChoice
from fiqx_trt.models.spec import ModelSpec
from fiqx_trt.onnx_export.graphs.affine import head_affine
from fiqx_trt.onnx_export.graphs.input_size import fixed_batch
from fiqx_trt.onnx_export.graphs.split import cut
from fiqx_trt.runtime.base import Session
from fiqx_trt.runtime.device_context import HOST, DeviceContext, session_context
from fiqx_trt.runtime.turns import refuse_pickling
from fiqx_trt.text import field_words

if TYPE_CHECKING:
    import onnx

__all__ = ["Extracted", "Model"]


#: Lengths of embeddings that differ by less than this share are the same; bfloat16 resolves 0.004.
SAME_LENGTH = 1e-3
#: Embeddings of one face, alone and among others, differ by less than this share of their largest value.
SAME_ROW = 0.02


class Model:
    """An open recognition model: runs aligned faces to embeddings, pre-dropout vectors and feature maps.

    :func:`fiqx_trt.load_model` makes one. A model is a context manager; :meth:`close` frees its sessions.

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
    context
        Device context of its arrays: its GPU, where the session and the kernels support that, or host memory.
    """

    def __init__(self, spec: ModelSpec, graph: onnx.ModelProto, runtime: RuntimeChoice | None = None) -> None:
        self.spec = spec
        self._graph = graph
        self._taps = (spec.embedding, spec.pre_dropout, spec.features)
        probe = {spec.image: self.normalise(probe_faces(spec.input_size))}
        self._sessions = ModelSessions(graph, self._taps, probe, runtime or RuntimeChoice())
        self._trunk = self._sessions.trunk
        self._check_rows()
        self.context, self._context_note = _model_context(spec, self._trunk)
        self._norms: dict[DeviceContext, Array] = {}

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
        """One line each: why this backend and precision were chosen, and why arrays do not stay on the GPU if they do not."""
        return (*self._trunk.notes, self._context_note) if self._context_note else self._trunk.notes

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
        """Return the three taps of aligned faces from one run of the network.

        Parameters
        ----------
        faces
            ``(N, H, W, 3)`` uint8 RGB, of the model's input size.

        Raises
        ------
        InvalidInputError
            The faces have another shape or dtype.
        """
        outputs = self.context.run(self._trunk, {self.spec.image: self.input(faces)})
        embedding, pre_dropout, features = (outputs[name] for name in self._taps)
        return Extracted(flat(embedding), flat(pre_dropout), features, self.context)

    def normalise(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the input of the network in host memory: ``(N, C, H, W)`` float32 in the model's scale and channel order."""
        return np.asarray(self._tensor(faces, HOST, self.spec.mean, self.spec.std))

    def input(self, faces: NDArray[np.uint8], *, raw: bool = False) -> Array:
        """Return the input of the network as an array of :attr:`context`; only the uint8 faces are uploaded.

        Parameters
        ----------
        faces
            ``(N, H, W, 3)`` uint8 RGB, of the model's input size.
        raw
            Return intensities 0 … 255, for graphs that include the normalisation.
        """
        mean, std = ((0.0,), (1.0,)) if raw else (self.spec.mean, self.spec.std)
        return self._tensor(faces, self.context, mean, std)

    def _tensor(
        self, faces: NDArray[np.uint8], context: DeviceContext, mean: Sequence[float], std: Sequence[float]
    ) -> Array:
        uploaded = context.upload(self.check_faces(faces))
        pixels = kernels.face_input(
            uploaded, mean=mean, std=std, color=self.spec.color, stream=context.stream
        )
        channels = len(self.spec.mean)  # a gray network has one, and its context is the host
        return pixels if channels == 3 else np.ascontiguousarray(pixels[:, :channels])

    def check_faces(self, faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return faces as an array; raise InvalidInputError unless they are ``(N, H, W, 3)`` uint8 of the model's input size."""
        faces = np.asarray(faces)
        wanted = (*self.spec.input_size, 3)
        if faces.ndim != 4 or faces.shape[1:] != wanted or faces.dtype != np.uint8:
            raise InvalidInputError(
                f"faces are {faces.dtype} of shape {faces.shape}; {self.spec.name} expects uint8 RGB of shape "
                f"(N, {wanted[0]}, {wanted[1]}, 3). Align or resize them first (fiqx_trt.faces.align)"
            )
        return faces

    def head(self, h: Array, *, rows_per_face: int = 1) -> Array:
        """Return raw embeddings of pre-dropout vectors.

        Parameters
        ----------
        h
            ``(N, F)`` float32, in host memory or an array of :attr:`context`.
        rows_per_face
            Rows that belong to one face. They run together, so a row's result never depends on other faces.

        Returns
        -------
        array
            ``(N, D)`` float32, in the context of ``h``.
        """
        context = HOST if isinstance(h, np.ndarray) else self.context
        session = self.head_session(rows_per_face)
        shape = tuple(int(size) for size in session.inputs[0].shape[1:] if size is not None)
        outputs = context.run(session, {self.spec.pre_dropout: kernels.reshape(h, (len(h), *shape))})
        return flat(outputs[self.spec.embedding])

    def head_session(self, rows_per_face: int) -> Session:
        """Return the session that :meth:`head` runs; it is opened once for each number of rows."""
        return self._sessions.head(self._head, rows_per_face)

    def session(self, outputs: tuple[str, ...], *, batch: int | None = None) -> Session:
        """Return a session of this network with other outputs, on the same backend and in the same precision; opened once.

        Parameters
        ----------
        outputs
            Names of tensors in the graph. The input is :attr:`ModelSpec.image`, as :meth:`normalise` makes it.
        batch
            Rows that mostly come together. A GPU runs that many at once where the user set no limit; elsewhere the batch is
            measured.

        Raises
        ------
        ModelError
            A name is not in the graph.
        """
        return self._sessions.with_outputs(outputs, None if self.context is HOST else batch)

    def derived(self, key: str, make: Callable[[onnx.ModelProto], onnx.ModelProto | Session]) -> Session:
        """Return a float32 session of a graph made from this network, on the same backend and device.

        Parameters
        ----------
        key
            Name of the derived graph; it is made and opened once, and closed with the model.
        make
            Makes another graph, or a session, from this network.

        Raises
        ------
        ModelError
            From ``make``, or no backend can open the graph.
        """
        return self._sessions.derived(key, make)

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
        """Whether the network normalises its embeddings: the embeddings of the probe faces all have the same length."""
        raw = self.extract(probe_faces(self.spec.input_size)).embedding.astype(np.float64)
        lengths = np.sqrt(np.square(raw).sum(axis=1))
        return bool(np.ptp(lengths) <= SAME_LENGTH * lengths.mean())

    @cached_property
    def head_rank(self) -> float:
        """Effective rank of the head, ``(tr A Aᵀ)² / tr (A Aᵀ)²``, from 1 to D: the number of directions its noise has.

        It is rounded to six digits, so that the order of additions in a matrix product has no effect.
        """
        weights, _ = self.head_affine
        gram = weights @ weights.T
        power = float(np.square(gram).sum())
        return max(1.0, float(f"{np.trace(gram) ** 2 / power:.6g}")) if power > 0 else math.inf

    def column_norms_at(self, context: DeviceContext) -> Array:
        """Return :attr:`head_column_norms` as an array of a context; uploaded once."""
        if context not in self._norms:
            self._norms[context] = context.upload(self.head_column_norms)
        return self._norms[context]

    def close(self) -> None:
        """Free the sessions; the model cannot be used afterwards."""
        self._sessions.close()

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

    def _check_rows(self) -> None:
        """Raise ModelError for a network of a fixed batch whose rows depend on each other.

        A free batch is checked when its session is tuned: where rows depend on each other, it runs at batch 1.
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


def _model_context(spec: ModelSpec, trunk: Session) -> tuple[DeviceContext, str]:
    context, why = session_context(trunk)
    if context is HOST or len(spec.mean) == 3:
        return context, why
    return HOST, "masks, scores and maps are computed on the processor: the network reads one channel"
