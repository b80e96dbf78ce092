"""Choose a precision: a faster one is used only where its results on a few real rows agree with fp32."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fiqx_trt.runtime import parity, tuning
from fiqx_trt.runtime.base import Feeds, Session

__all__ = ["choose"]


def choose(
    candidate: str,
    open_with: Callable[[str], Session],
    probe: Feeds | None,
    key: Sequence[object],
    *,
    refused: str | None = None,
) -> tuple[str, str]:
    """Return the candidate precision where it passes the parity gate, else ``"fp32"``, and the reason.

    Parameters
    ----------
    candidate
        The faster precision, a key of :data:`fiqx_trt.runtime.parity.MIN_COSINE`.
    open_with
        Opens a session of a given precision.
    probe
        Real rows to compare both on; without them the result is fp32.
    key
        Everything the comparison depends on besides the probe: its result is cached.
    refused
        Why the candidate cannot be used on this machine, or None.
    """
    if refused is not None:
        return "fp32", f"fp32: {refused}"
    if probe is None:
        return "fp32", f"fp32: no probe faces were given for the {candidate} parity gate"
    wanted = parity.MIN_COSINE[candidate]
    full_key = ("gate", candidate, *key, tuning.feeds_digest(probe))
    kept = tuning.recall(full_key, {"cosine_min": float, "max_abs": float, "finite": bool})
    if kept is None:
        with open_with("fp32") as reference, open_with(candidate) as fast:
            measured = parity.compare(fast, reference, probe)
        kept = {"cosine_min": measured.cosine_min, "max_abs": measured.max_abs, "finite": measured.finite}
        tuning.remember(full_key, **kept)
    result = parity.Parity(kept["cosine_min"], kept["max_abs"], kept["finite"])
    if result.finite and result.cosine_min >= wanted:
        return candidate, f"{candidate}: passed the parity gate against fp32 ({result}; wanted {wanted})"
    return "fp32", f"fp32: {candidate} failed the parity gate ({result}; wanted {wanted})"
