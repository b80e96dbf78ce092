"""Explain and measure face-image quality: what a face recogniser can do with a picture, and why."""

from __future__ import annotations

__version__ = "0.1.0"
