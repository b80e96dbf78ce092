"""The table of known models, and fetching their files: recognisers, quality networks, detectors.

``table.json`` holds the facts, `table` reads it, `sources` gets bytes from one place, `fetch` tries one place after the
other and keeps what was verified.
"""

from __future__ import annotations

from fiqx_trt.zoo.fetch import Fetched, fetch, stored
from fiqx_trt.zoo.table import Entry, Origin, known, models

__all__ = ["Entry", "Fetched", "Origin", "fetch", "known", "models", "stored"]
