"""The table of known models (recognisers, quality networks, detectors), and fetching their files.

``table.json`` holds the facts, `table` reads it, `sources` downloads from one source, `fetch` tries the sources in order
and keeps the verified file.
"""

from __future__ import annotations

from fiqx_trt.zoo.fetch import Fetched, fetch, is_stored, stored
from fiqx_trt.zoo.table import DEFAULT_MODEL, EMBEDDED_MODEL, KnownModel, Origin, known, models

__all__ = [
    "DEFAULT_MODEL",
    "EMBEDDED_MODEL",
    "Fetched",
    "KnownModel",
    "Origin",
    "fetch",
    "is_stored",
    "known",
    "models",
    "stored",
]
