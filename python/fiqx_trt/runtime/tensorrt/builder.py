"""Build a plan from an ONNX file: one strongly typed network, one profile, one fixed batch."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fiqx_trt.errors import BackendError, ModelError
from fiqx_trt.runtime.base import TensorInfo
from fiqx_trt.runtime.tensorrt import compat, opcheck
from fiqx_trt.runtime.tensorrt.logger import get_logger, tail

__all__ = ["WORKSPACE", "BuildSettings", "Built", "build_plan"]

logger = logging.getLogger(__name__)

#: Scratch memory that the fastest kernels may ask for; TensorRT's own default is all there is.
WORKSPACE = 4 << 30


@dataclass(frozen=True)
class BuildSettings:
    """The settings of an engine's build; part of its key in the cache.

    Attributes
    ----------
    precision
        ``"fp32"`` or ``"fp16"``: the precision of the ONNX file; the builder sets none.
    batch
        Rows of every run. The profile has this one size, so TensorRT chooses its kernels for it.
    workspace
        Limit of scratch memory in bytes.
    level
        TensorRT's builder optimisation level, 0 … 5.
    """

    precision: str
    batch: int
    workspace: int = WORKSPACE
    level: int = 3


@dataclass(frozen=True)
class Built:
    """A serialised engine, its timing cache, and the seconds its build took."""

    plan: bytes
    timings: bytes | None
    seconds: float


def build_plan(
    trt: Any,
    data: bytes,
    inputs: Sequence[TensorInfo],
    settings: BuildSettings,
    *,
    label: str,
    free_bytes: int,
    timings: bytes | None = None,
) -> Built:
    """Build an engine. The device's primary context is current.

    Parameters
    ----------
    trt
        The tensorrt module.
    data
        The ONNX file with its weights.
    inputs
        The graph's inputs.
    settings
        The build settings.
    label
        Name of the graph in messages.
    free_bytes
        Free device memory; half of it is a limit of the workspace too.
    timings
        A timing cache of this card and version, or None.

    Raises
    ------
    ModelError
        TensorRT cannot read the graph; the message names the node.
    BackendError
        TensorRT cannot build the graph; the message ends in the last lines of its log.
    """
    start = time.perf_counter()
    log = get_logger(trt)
    builder = trt.Builder(log)
    network = builder.create_network(compat.network_flags(trt))
    parser = trt.OnnxParser(network, log)
    if not parser.parse(data) or parser.num_errors > 0:
        raise ModelError(f"TensorRT {trt.__version__} cannot read {label}: {_problems(parser, data, log)}")
    config = _config(trt, builder, settings, free_bytes)
    if _add_profile(builder, config, inputs, settings.batch) < 0:
        raise BackendError(f"TensorRT refuses the profile of {label}, batch {settings.batch}: {tail(log)}")
    timing = _timing(config, timings)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise BackendError(f"TensorRT cannot build an engine of {label}: {tail(log)}")
    measured = None if timing is None else timing.serialize()
    built = Built(bytes(plan), None if measured is None else bytes(measured), time.perf_counter() - start)
    logger.info("built an engine of %s (%d bytes) in %.1f s", label, plan.nbytes, built.seconds)
    return built


def _config(trt: Any, builder: Any, settings: BuildSettings, free_bytes: int) -> Any:
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, min(settings.workspace, free_bytes // 2))
    # On by default, and it keeps 10 bits of each factor; what is fp32 here is meant to be fp32.
    config.clear_flag(trt.BuilderFlag.TF32)
    config.builder_optimization_level = settings.level
    config.max_aux_streams = 0  # the two slots already overlap; more streams would only cost memory
    return config


def _add_profile(builder: Any, config: Any, inputs: Sequence[TensorInfo], batch: int) -> int:
    profile = builder.create_optimization_profile()
    for info in inputs:
        shape = (batch, *(d or 0 for d in info.shape[1:]))
        profile.set_shape(info.name, shape, shape, shape)
    return int(config.add_optimization_profile(profile))


def _timing(config: Any, timings: bytes | None) -> Any:
    """Return the timing cache in use; the caller keeps it alive until the engine is built."""
    for content in dict.fromkeys((timings or b"", b"")):
        timing = config.create_timing_cache(content)
        if timing is not None and config.set_timing_cache(timing, ignore_mismatch=False):
            return timing
        logger.info("the timing cache is of another card or version and is started again")
    return None


def _problems(parser: Any, data: bytes, log: Any) -> str:
    errors = []
    for index in range(parser.num_errors):
        problem = parser.get_error(index)
        where = f"node {problem.node()} '{problem.node_name()}' ({problem.node_operator()})"
        errors.append(f"{where}: {problem.desc()}")
    known = opcheck.problems(data)
    hint = f"; known to be unsupported: {'; '.join(known[:3])}" if known else ""
    return ("; ".join(errors[:3]) or tail(log)) + hint
