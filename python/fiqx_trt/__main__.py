"""The command ``fiqx-trt``, and ``python -m fiqx_trt``. Ctrl-C while the commands are being loaded ends in one line, too."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

__all__ = ["main"]

INTERRUPTED = 130


def main() -> None:
    """Load the commands and run them; leaves with an exit status."""
    before = signal.getsignal(signal.SIGINT)
    heeded = before not in (signal.SIG_IGN, None)
    # An exception would not do: a native module that is interrupted while it is loaded raises ImportError instead.
    if heeded:
        signal.signal(signal.SIGINT, _leave)
    from fiqx_trt.cli.main import main as run

    if heeded:
        signal.signal(signal.SIGINT, before)
    try:
        run()
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        sys.exit(INTERRUPTED)


def _leave(number: int, frame: FrameType | None) -> None:
    """End the process at once; nothing has been opened or written yet."""
    os.write(2, b"error: interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
