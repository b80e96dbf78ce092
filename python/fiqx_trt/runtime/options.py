"""The checked arguments of `open_session` for a backend."""

from __future__ import annotations

from dataclasses import dataclass

from fiqx_trt.runtime.base import Feeds

__all__ = ["PRECISIONS", "Options"]

PRECISIONS = ("auto", "fp32", "bf16", "fp16")


@dataclass(frozen=True)
class Options:
    """The request of one :func:`fiqx_trt.runtime.open_session` call, for one backend.

    Attributes
    ----------
    device
        ``"cpu"``, ``"cuda"`` or ``"cuda:1"`` …; never ``"auto"``.
    precision
        One of :data:`PRECISIONS`.
    max_batch
        Largest number of rows of one native run; None: the backend's choice.
    threads
        Processor threads; None: the backend's choice.
    probe
        Feeds for the parity gate, or None.
    rows
        Rows that mostly come together in one call; None: not known.
    """

    device: str
    precision: str = "auto"
    max_batch: int | None = None
    threads: int | None = None
    probe: Feeds | None = None
    rows: int | None = None

    def gpu_batch(self, default: int) -> int:
        """Return the rows of a native run on a GPU, where they are not measured."""
        return self.max_batch or self.rows or default
