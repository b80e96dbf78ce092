"""The demonstration: everything once, on the default model and a sample photo."""

from __future__ import annotations

from fiqx_trt.demo.run import DemoResult, DemoStep, run_demo

__all__ = ["DemoResult", "DemoStep", "run_demo"]
