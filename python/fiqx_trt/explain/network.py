"""Run a recogniser for Score-CAM: activations and embedding of a face, embeddings of its masked copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels
from fiqx_trt.errors import ModelError
from fiqx_trt.explain.channels import Channels
from fiqx_trt.explain.scores import MaskScorer
from fiqx_trt.kernels import Array
from fiqx_trt.models.extracted import flat
from fiqx_trt.runtime.device_context import HOST

if TYPE_CHECKING:
    from fiqx_trt.models.model import Model

__all__ = ["CamNetwork"]

Progress = Callable[[int, int], None]
#: Bytes of masked faces in memory at one time.
WINDOW_BYTES = 32 << 20
#: Masked faces of one native run on a GPU: a face has hundreds of them.
MASKED_ROWS = 128
#: Native runs of a window on a GPU: one is under way while the next is queued.
RUNS_IN_FLIGHT = 2


class CamNetwork:
    """A model and the layer whose channels mask its input.

    Parameters
    ----------
    model
        A recognition model.
    layer
        Name of a tensor ``(N, C, h, w)``; ``None`` for the model's ``features`` tap. ModelError if there is none.

    Attributes
    ----------
    extractor
        Session that returns the activations and the embedding of a face.
    embedder
        Session that returns the embedding alone, of the masked faces.
    """

    def __init__(self, model: Model, layer: str | None) -> None:
        spec = model.spec
        self.model = model
        self.layer = layer or spec.features
        self.size = spec.input_size
        self.context = model.context
        self._grey = len(spec.mean) == 1
        # Only the embedding: the other taps of a masked face are not used.
        self.embedder = model.session((spec.embedding,), batch=MASKED_ROWS)
        self.extractor = model.session(tuple(dict.fromkeys((spec.embedding, self.layer))))

    @property
    def activation_bytes(self) -> int:
        """Bytes of one face's activations; dimensions that the graph leaves open count as 1."""
        shape = next(info.shape for info in self.extractor.outputs if info.name == self.layer)
        return 4 * int(np.prod([size or 1 for size in shape[1:]]))

    def extract(self, faces: NDArray[np.uint8]) -> tuple[Array, Array, Array]:
        """Return the normalised faces ``(n, 3, H, W)``, their activations ``(n, C, h, w)`` and raw embeddings ``(n, D)``.

        All are float32 arrays of the model's context. The one channel of a grey network is repeated three times.
        """
        inputs = self.model.input(faces)
        outputs = self.context.run(self.extractor, {self.model.spec.image: inputs})
        activations = outputs[self.layer]
        if len(activations.shape) != 4:
            shape = ", ".join(["N", *map(str, activations.shape[1:])])
            raise ModelError(
                f"the layer {self.layer!r} of {self.model.spec.name} has shape ({shape}); "
                "masks need a layer of shape (N, C, h, w): name another with --layer (the keyword layer in Python)"
            )
        if isinstance(activations, np.ndarray):
            activations = np.ascontiguousarray(activations, np.float32)
        if self._grey:
            inputs = np.repeat(inputs, 3, axis=1)
        return inputs, activations, flat(outputs[self.model.spec.embedding])

    def zero_embedding(self, count: int) -> Array:
        """Return the raw embedding of the all-zero input, repeated ``count`` times: ``(count, D)`` in the model's context."""
        embedding = self._embed(self.context.zeros((1, *self._row()), np.float32))
        return self.context.upload(np.repeat(self.context.fetch(embedding)[0], count, axis=0))

    def run_masked(
        self,
        channels: Channels,
        inputs: Array,
        scorer: MaskScorer,
        scores: NDArray[np.float64],
        progress: Progress | None = None,
    ) -> int:
        """Run every masked copy of some faces, write its score, and return the number of copies.

        The copies of all faces are one sequence, cut into windows of whole native runs: the batches are full whatever the
        number of faces and channels, and only one window of copies is in memory. On a GPU all of them are queued, with one wait
        for the scores.

        Parameters
        ----------
        channels
            The masks.
        inputs
            ``(n, 3, H, W)`` normalised faces in the model's context.
        scorer
            Computes the score of a masked face's embedding.
        scores
            ``(n, C)``, written where a channel has contrast.
        progress
            Called with the number of copies done (on a GPU: queued) and of all copies, after each window.
        """
        face, channel = np.nonzero(channels.contrast)
        if not len(face):
            return 0
        context, rows = self.context, min(self._window_rows(), len(face))
        index = context.upload(face.astype(np.int64))
        window = context.empty((rows, *self._row()), np.float32)
        score_blocks = []
        for start in range(0, len(face), rows):
            stop = min(start + rows, len(face))
            masked = kernels.rows(window, 0, stop - start)
            channels.mask(inputs, face[start:stop], channel[start:stop], masked)
            score_blocks.append(scorer(self._embed(masked), kernels.rows(index, start, stop)))
            if progress is not None:
                progress(stop, len(face))
        scores[face, channel] = np.concatenate(context.fetch(*score_blocks))
        return len(face)

    def _embed(self, inputs: Array) -> Array:
        if self._grey:  # masks have three channels, and its context is the host
            inputs = np.ascontiguousarray(inputs[:, :1])
        return flat(
            self.context.run(self.embedder, {self.model.spec.image: inputs})[self.model.spec.embedding]
        )

    def _row(self) -> tuple[int, ...]:
        return (3, *self.size)

    def _window_rows(self) -> int:
        batch = self.embedder.batch
        row = 4 * int(np.prod(self._row()))
        return batch * max(1 if self.context is HOST else RUNS_IN_FLIGHT, WINDOW_BYTES // (row * batch))
