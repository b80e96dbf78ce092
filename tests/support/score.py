"""``score`` in a process of its own."""

from __future__ import annotations

import sys


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "fiqx_trt", "score", *map(str, arguments), "--aligned", "--quiet"]
