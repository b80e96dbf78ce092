"""What the checks share: a claim that fails with one line, and errors that are wanted."""

from __future__ import annotations

from collections.abc import Callable

from fiqx_trt.errors import FiqxError

__all__ = ["claim", "wants_error"]


def claim(holds: object, subject: str, failure: str) -> None:
    """Raise AssertionError with the subject and the failure unless the claim holds."""
    if not holds:
        raise AssertionError(f"{subject}: {failure}")


def wants_error(subject: str, action: str, call: Callable[[], object], *kinds: type[FiqxError]) -> None:
    """Check that a call raises one of the errors, with a message of one line."""
    names = " or ".join(kind.__name__ for kind in kinds)
    try:
        call()
    except kinds as error:
        text = str(error)
        claim(
            text and "\n" not in text,
            subject,
            f"{action} raises {type(error).__name__} with no message of one line",
        )
    except Exception as error:
        raise AssertionError(
            f"{subject}: {action} raises {type(error).__name__}, not {names}: {error}"
        ) from error
    else:
        raise AssertionError(f"{subject}: {action} raises no {names}")
