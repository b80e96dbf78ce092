"""Numbers of rows that one session on a GPU runs at once: many for Score-CAM, few for a call of a few faces.

A session is opened with one number. Others are offered where they give the same bits, and each is timed once, so a call runs
those that are the fastest for its rows. They share the weights, so that one more costs a recording and its buffers.
"""

from __future__ import annotations

import time

import torch

from fiqx_trt.errors import FiqxError
from fiqx_trt.runtime import tuning
from fiqx_trt.runtime.base import Chunk, first_line
from fiqx_trt.runtime.invariance import is_batch_invariant, row_tolerance
from fiqx_trt.runtime.torch.session import TorchSession

__all__ = ["CUDA_BATCH", "offer_sizes"]

#: Rows of a native run on a GPU: the faces of one step of a run over files. All other numbers must give its bits.
CUDA_BATCH = 32
#: For one face, for a step of a run, for hundreds of masked copies.
SIZES = (8, 32, 128, 256)
#: The largest one on a card with less memory.
SMALL_CARD, LARGE_CARD = 128, 40 << 30
#: Times that a size is run to time it; the shortest counts.
REPEATS = 3


def offer_sizes(session: TorchSession, limit: int | None) -> str:
    """Offer the other sizes, up to a limit, that give the bits of a session's own size, and return a note."""
    own = session.batch
    most = limit or (SIZES[-1] if _memory(session) >= LARGE_CARD else SMALL_CARD)
    wanted = [size for size in SIZES if size != own and size <= most]
    if not wanted:
        return f"every run has {own} rows"
    rows = tuning.sample(session.inputs, max(own, *wanted))
    expected = session.run(rows)
    seconds = {own: _seconds(session, own, rows)}
    refused = []
    for size in wanted:
        try:
            if _same_bits(session, size, rows, expected):
                seconds[size] = _seconds(session, size, rows)
            else:
                refused.append(f"{size} gives other bits")
        except (FiqxError, RuntimeError) as error:  # mostly out of memory
            refused.append(f"{size} does not run ({first_line(error)})")
        if size not in seconds:
            session.forget(size)
    session.seconds = seconds if len(seconds) > 1 else {}
    offered = ", ".join(f"{size} rows in {1e3 * took:.3g} ms" for size, took in sorted(seconds.items()))
    return "; ".join([f"runs of {offered}", *refused])


def _same_bits(session: TorchSession, size: int, rows: Chunk, expected: Chunk) -> bool:
    session.seconds = {size: 1.0}
    some = {name: array[: max(size, 2)] for name, array in rows.items()}
    wanted = {name: array[: max(size, 2)] for name, array in expected.items()}
    return is_batch_invariant(session, some, wanted, tolerance=row_tolerance())


def _seconds(session: TorchSession, size: int, rows: Chunk) -> float:
    """Return what a native run takes on the device."""
    device = torch.device(session.device)
    session.seconds = {size: 1.0}
    feeds = {name: torch.from_numpy(array[:size]).to(device) for name, array in rows.items()}
    took = []
    for _ in range(1 + REPEATS):
        start = time.perf_counter()
        session.run_device(feeds)
        _wait(device)
        took.append(time.perf_counter() - start)
    return min(took[1:])


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _memory(session: TorchSession) -> int:
    """Return the bytes of the session's device."""
    device = torch.device(session.device)
    return int(torch.cuda.get_device_properties(device).total_memory) if device.type == "cuda" else 0
