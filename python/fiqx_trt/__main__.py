"""The command ``fiqx-trt``, and ``python -m fiqx_trt``. Ctrl-C while the commands are being loaded ends in one line, too."""

from __future__ import annotations

import sys

from fiqx_trt import loading

__all__ = ["main"]


def main() -> None:
    """Load the commands and run them; leaves with an exit status."""
    loading.begin()  # the command that is run ends it
    from fiqx_trt.cli.main import main as run

    try:
        run()
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        sys.exit(loading.INTERRUPTED)


if __name__ == "__main__":
    main()
