"""The command ``fiqx-trt``, and ``python -m fiqx_trt``. Ctrl-C while the commands are being loaded ends in one line, too."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Load the commands and run them; leaves with an exit status."""
    try:
        from fiqx_trt.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
