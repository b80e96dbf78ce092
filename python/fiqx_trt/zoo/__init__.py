"""The table of known models, and fetching their files: recognisers, quality networks, detectors.

``table.json`` holds the facts, `table` reads it, `sources` gets bytes from one place, `fetch` tries one place after the
other and keeps what was verified.
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
