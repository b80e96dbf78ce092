"""Open a graph with TensorRT: choose precision and batch, load or build the engine, and test it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from fiqx_trt.errors import BackendError, BackendUnavailableError, ModelError, ParityError
from fiqx_trt.runtime import tuning
from fiqx_trt.runtime.base import first_line
from fiqx_trt.runtime.device import device_index
from fiqx_trt.runtime.graph import Graph
from fiqx_trt.runtime.invariance import row_tolerance, with_tolerance
from fiqx_trt.runtime.options import Options
from fiqx_trt.runtime.tensorrt import compat, graphs, opcheck, selftest
from fiqx_trt.runtime.tensorrt.builder import BuildSettings, build_plan
from fiqx_trt.runtime.tensorrt.cache import EngineCache, key_of
from fiqx_trt.runtime.tensorrt.driver import open_driver
from fiqx_trt.runtime.tensorrt.logger import get_logger, tail
from fiqx_trt.runtime.tensorrt.memory import open_memory
from fiqx_trt.runtime.tensorrt.runner import Runner
from fiqx_trt.runtime.tensorrt.session import TensorRtSession

__all__ = ["BATCH", "Opener"]

logger = logging.getLogger(__name__)

#: Rows of a native run unless fewer are requested.
BATCH = 32
PLACE = "a row's bits depend on its position"


class Opener:
    """Opens one graph on one device with the caller's options."""

    def __init__(self, graph: Graph, options: Options) -> None:
        self._graph = graph
        self._options = options
        self._trt = compat.load()
        self._log = get_logger(self._trt)
        self._index = device_index(options.device)
        driver = open_driver()
        self._gpu = driver.gpu(self._index)
        self._memory, self._memory_note = open_memory(driver, self._index)
        self._cache = EngineCache()
        probe_rows = options.probe or tuning.sample(graph.inputs, selftest.ROWS)
        self._rows = {name: array[: selftest.ROWS] for name, array in probe_rows.items()}

    def open(self) -> TensorRtSession:
        """Return a session whose engine passed the self-test.

        Raises
        ------
        BackendUnavailableError
            The requested precision is not available.
        ModelError
            TensorRT cannot read the graph.
        ParityError
            The engine gives wrong results, also after a rebuild.
        BackendError
            It cannot be built, or does not fit into the device's memory.
        """
        if self._graph.free_shape:
            raise ModelError(
                f"the TensorRT backend takes graphs with one input size; {self._graph.label} leaves it free"
            )
        precision = self._options.precision
        offered = ("fp16",) if self._graph.stored == "fp16" else ("fp32", "fp16")
        if precision not in ("auto", *offered):
            raise BackendUnavailableError(
                f"precision '{precision}' is not available: the TensorRT backend runs {self._graph.label} in "
                f"{' or '.join(offered)}: use precision='auto'"
            )
        if precision != "auto":
            return self._open_tested(precision, f"{precision}: requested")
        if len(offered) == 1:
            return self._open_tested("fp16", "fp16: the precision the graph is stored in")
        return self._automatic()

    def _automatic(self) -> TensorRtSession:
        """Open in fp16 where its results on the probe agree with the CPU's, else in fp32."""
        if self._options.probe is None:
            return self._open_tested("fp32", "fp32: no probe faces were given to compare fp16 on")
        key = ("tensorrt precision", *self._parts(self._settings("fp16", self._batch())).values())
        kept = tuning.recall(key, {"reason": str})
        if kept is None:
            try:
                return self._open_tested("fp16", "fp16: passed the self-test against fp32 on the CPU")
            except (ParityError, ModelError) as error:
                kept = {"reason": f"fp32: {error}"}
                tuning.remember(key, **kept)
        return self._open_tested("fp32", str(kept["reason"]))

    def _batch(self) -> int:
        return self._graph.static_batch or self._options.gpu_batch(BATCH)

    def _open_tested(self, precision: str, reason: str) -> TensorRtSession:
        """Open with the full batch, or the next smaller one that can be allocated and gives rows the same bits anywhere."""
        batch = self._batch()
        fixed = self._graph.static_batch is not None
        key = ("tensorrt batch", row_tolerance(), *self._parts(self._settings(precision, batch)).values())
        kept = tuning.recall(key, {"batch": int, "reason": str}) or {"batch": batch, "reason": ""}
        problems = [kept["reason"]] if kept["reason"] else []
        sizes = [size for size in (batch, *tuning.smaller_batches(batch)) if size <= kept["batch"]]
        for size in sizes[:1] if fixed else sizes:
            session, problem = self._open_at(precision, size, last=fixed or size == 1)
            if session is not None:
                return self._noted(session, reason, _why(size, batch, problems, fixed=fixed))
            problems.append(problem)
            if all(
                text.endswith(PLACE) for text in problems
            ):  # memory that is short today may be there tomorrow; bits stay
                tuning.remember(key, batch=tuning.smaller_batches(size)[0], reason="; ".join(problems))
        raise AssertionError("unreachable: batch 1 is opened or raises")

    def _open_at(
        self, precision: str, size: int, *, last: bool
    ) -> tuple[tuple[TensorRtSession, selftest.Findings] | None, str]:
        """Return a tested session of a batch, or None and what is wrong with that batch; the last one is taken or raises."""
        try:
            session, findings = self._checked(precision, size)
        except (ParityError, ModelError):
            raise
        except Exception as error:  # mostly out of memory, from any of the libraries that allocate it
            if last:
                raise
            return None, f"a batch of {size} cannot be allocated ({first_line(error)})"
        if findings.same or last:
            return (session, findings), ""
        session.close()
        return None, f"in a batch of {size} {PLACE}"

    def _noted(
        self, opened: tuple[TensorRtSession, selftest.Findings], reason: str, batch: str
    ) -> TensorRtSession:
        session, findings = opened
        session.notes = (
            reason,
            batch,
            *session.notes,
            f"self-test passed: cosine to the CPU {findings.cosine:.7f}",
            self._memory_note,
        )
        return session

    def _checked(self, precision: str, batch: int) -> tuple[TensorRtSession, selftest.Findings]:
        """Return a session whose engine passed the self-test; an engine that fails is built once more."""
        expected = selftest.reference(self._graph, self._rows, self._cache)
        settings = self._settings(precision, batch)
        key = key_of(self._parts(settings))
        with self._cache.lock(key):
            for last in (False, True):
                try:
                    session = self._session(settings, key)
                except BackendError as error:
                    if last or self._cache.load(key) is None:
                        raise
                    why: Exception = error  # a plan from the cache that TensorRT does not take
                else:
                    try:
                        return session, selftest.check(session, self._rows, expected)
                    except BackendError as error:
                        session.close()
                        why = error
                self._cache.discard(key)
                logger.info("%s; building the engine again", why)
        raise ParityError(f"{why}, also after building it again; {tail(self._log)}")

    def _session(self, settings: BuildSettings, key: str) -> TensorRtSession:
        plan, note = self._cache.load(key), "the engine is from the cache"
        if plan is None:
            plan, note = self._build(settings, key)
        runner = Runner(
            self._trt,
            self._memory,
            plan,
            self._log,
            batch=settings.batch,
            inputs=self._graph.inputs,
            outputs=self._graph.outputs,
            graphs=graphs.wanted(),
        )
        return TensorRtSession(
            runner,
            device=self._options.device,
            precision=settings.precision,
            batch=settings.batch,
            notes=(note, *runner.notes),
        )

    def _build(self, settings: BuildSettings, key: str) -> tuple[bytes, str]:
        parts = self._parts(settings)
        timings = key_of({name: parts[name] for name in ("tensorrt", *asdict(self._gpu))})
        with self._memory.scope():
            built = build_plan(
                self._trt,
                self._data(settings.precision),
                self._graph.inputs,
                settings,
                label=self._graph.label,
                free_bytes=self._memory.free_bytes(),
                timings=self._cache.timings(timings),
            )
        about = {**parts, "label": self._graph.label, "seconds": round(built.seconds, 1)}
        self._cache.store(key, built.plan, about)
        if built.timings is not None:
            self._cache.store_timings(timings, built.timings)
        return built.plan, f"the engine was built in {built.seconds:.1f} s"

    def _data(self, precision: str) -> bytes:
        """Return the ONNX file with weights in a precision, and with an IR version that TensorRT reads."""
        import onnx

        from fiqx_trt.onnx_export.graphs.half import to_half

        model = onnx.load_model_from_string(self._graph.data)
        if precision == self._graph.stored and model.ir_version in opcheck.IR_VERSIONS:
            return self._graph.data
        if precision != self._graph.stored:
            model = to_half(model)
        model.ir_version = min(model.ir_version, opcheck.IR_VERSIONS[-1])
        data: bytes = model.SerializeToString()
        return data

    def _settings(self, precision: str, batch: int) -> BuildSettings:
        return BuildSettings(precision, batch)

    def _parts(self, settings: BuildSettings) -> Mapping[str, object]:
        """Return everything that an engine depends on."""
        return {
            "onnx": self._graph.digest,
            "passes": _passes_digest() if settings.precision != self._graph.stored else "",
            "tensorrt": self._trt.__version__,
            **asdict(self._gpu),
            "tf32": False,
            **asdict(settings),
        }


def _why(size: int, wanted: int, problems: Sequence[str], *, fixed: bool) -> str:
    """Return the note about the batch; a smaller one than wanted is logged as a warning too: it is slower."""
    if not problems:
        if fixed:
            return f"batch {size}: fixed in the file"
        return (
            with_tolerance(f"batch {size}: rows agree at any position")
            if row_tolerance()
            else f"batch {size}"
        )
    reason = "; ".join(problems)
    logger.warning("TensorRT runs %d rows at a time instead of %d, which is slower: %s", size, wanted, reason)
    return f"batch {size}: {reason}"


def _passes_digest() -> str:
    """Return the hash of the code that converts to half precision: other code makes another engine."""
    from fiqx_trt.onnx_export.graphs import fold, half

    files = [Path(str(module.__file__)) for module in (fold, half)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
