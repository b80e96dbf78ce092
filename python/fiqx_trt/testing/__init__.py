"""Conformance checks for what other packages add, to be called in their own tests: ``docs/extending.md`` shows how.

Each check raises :class:`AssertionError` with one line that says what is wrong, and needs no test framework. The tests of this
package run the same checks over everything it registers itself.
"""

from __future__ import annotations

from fiqx_trt.testing.backend import check_backend
from fiqx_trt.testing.detector import check_detector
from fiqx_trt.testing.importer import check_importer
from fiqx_trt.testing.method import check_quality_method
from fiqx_trt.testing.network import small_recogniser

__all__ = [
    "check_backend",
    "check_detector",
    "check_importer",
    "check_quality_method",
    "small_recogniser",
]
