"""A recogniser as Score-CAM uses it: activations and embedding of a face, embeddings of its masked copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import ModelError
from fiqx_trt.explain.channels import Channels
from fiqx_trt.explain.scores import Scorer

if TYPE_CHECKING:
    from fiqx_trt.models.model import Model

__all__ = ["Network"]

Floats = NDArray[np.float32]
Progress = Callable[[int, int], None]
#: Bytes of masked faces that exist at one time.
WINDOW_BYTES = 32 << 20


class Network:
    """A model and the layer whose channels mask its input.

    Parameters
    ----------
    model
        A recognition model.
    layer
        Name of a tensor ``(N, C, h, w)``; ``None`` for the model's ``features`` tap.

    Raises
    ------
    ModelError
        The layer is not in the graph, or is not of rank 4.
    """

    def __init__(self, model: Model, layer: str | None) -> None:
        spec = model.spec
        self.model = model
        self.layer = layer or spec.features
        self.size = spec.input_size
        # The embedding alone: a masked face's other taps would be copied out for nothing.
        self._embedder = model.session((spec.embedding,))
        self._extractor = model.session(tuple(dict.fromkeys((spec.embedding, self.layer))))

    @property
    def activation_bytes(self) -> int:
        """Bytes of one face's activations, as far as the graph tells."""
        shape = next(info.shape for info in self._extractor.outputs if info.name == self.layer)
        return 4 * int(np.prod([size or 1 for size in shape[1:]]))

    def extract(self, faces: NDArray[np.uint8]) -> tuple[Floats, Floats, Floats]:
        """Return the normalised faces ``(n, 3, H, W)``, their activations ``(n, C, h, w)`` and raw embeddings ``(n, D)``."""
        inputs = self.model.normalise(faces)
        outputs = self._extractor.run({self.model.spec.image: inputs})
        activations = np.asarray(outputs[self.layer], np.float32)
        if activations.ndim != 4:
            shape = ", ".join(["N", *map(str, activations.shape[1:])])
            raise ModelError(
                f"the layer {self.layer!r} of {self.model.spec.name} has shape ({shape}); "
                "masks need a layer of shape (N, C, h, w): name another with `layer`"
            )
        return inputs, activations, _flat(outputs[self.model.spec.embedding])

    def zero_embedding(self, count: int) -> Floats:
        """Return the raw embedding of the all-zero input, ``count`` times, ``(count, D)``."""
        embedding = self._embed(np.zeros((1, *self._row()), np.float32))
        return np.repeat(embedding, count, axis=0)

    def run_masked(
        self,
        channels: Channels,
        inputs: Floats,
        scorer: Scorer,
        scores: NDArray[np.float64],
        progress: Progress | None = None,
    ) -> int:
        """Run every masked copy of some faces and write its score.

        The copies of all faces form one sequence that is cut into windows of whole native runs, so the runtime works at its
        best size whatever the number of faces and channels, and no more than a window of copies exists at a time.

        Parameters
        ----------
        channels
            The masks.
        inputs
            ``(n, 3, H, W)`` normalised faces.
        scorer
            Says what a masked face's embedding scores.
        scores
            ``(n, C)``, written where a channel has contrast.
        progress
            Called with the number of copies done and in all, after each window.

        Returns
        -------
        int
            How many copies were run.
        """
        face, channel = np.nonzero(channels.contrast)
        rows = self._window_rows()
        window = np.empty((min(rows, len(face)), *self._row()), np.float32)
        for start in range(0, len(face), rows):
            part = slice(start, min(start + rows, len(face)))
            masked = window[: part.stop - part.start]
            channels.mask(inputs, face[part], channel[part], masked)
            scores[face[part], channel[part]] = scorer(self._embed(masked), face[part])
            if progress is not None:
                progress(part.stop, len(face))
        return len(face)

    def _embed(self, inputs: Floats) -> Floats:
        return _flat(self._embedder.run({self.model.spec.image: inputs})[self.model.spec.embedding])

    def _row(self) -> tuple[int, ...]:
        return (3, *self.size)

    def _window_rows(self) -> int:
        batch = self._embedder.batch
        row = 4 * int(np.prod(self._row()))
        return batch * max(1, WINDOW_BYTES // (row * batch))


def _flat(array: NDArray[np.floating]) -> Floats:
    return np.asarray(array, np.float32).reshape(len(array), int(np.prod(array.shape[1:])))
