"""``score`` in a process of its own, and the rows of a table that it wrote."""

from __future__ import annotations

import csv
import sys
from pathlib import Path


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "fiqx_trt", "score", *map(str, arguments), "--aligned", "--quiet"]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
