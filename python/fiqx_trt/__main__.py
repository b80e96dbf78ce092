"""``python -m fiqx_trt`` is the command ``fiqx-trt``."""

from __future__ import annotations

from fiqx_trt.cli.main import main

if __name__ == "__main__":
    main()
