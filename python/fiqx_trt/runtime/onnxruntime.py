"""ONNX Runtime on the CPU, or on CUDA where the installed package has that provider."""

from __future__ import annotations

from collections.abc import Sequence

import onnxruntime

from fiqx_trt.errors import BackendUnavailableError, ModelError
from fiqx_trt.runtime import machine, tuning
from fiqx_trt.runtime.base import Chunk, Session, TensorInfo, first_line
from fiqx_trt.runtime.graph import Graph
from fiqx_trt.runtime.options import Options
from fiqx_trt.runtime.paired import open_paired

__all__ = ["OnnxRuntimeSession", "open_graph", "unavailable"]

FATAL = 4  # the highest log level: failures are raised and need not be printed
CUDA_BATCH = 32


def unavailable(device: str) -> str | None:
    """Return why this backend cannot run on a device, or None when it can."""
    if device == "cpu":
        return None
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return "the installed onnxruntime has no CUDA provider (onnxruntime-gpu has)"
    return machine.cuda_missing()


def open_graph(graph: Graph, options: Options) -> Session:
    """Open a graph with the native batch that suits this machine, in the precision it is stored in."""
    if options.precision not in ("auto", graph.stored):
        raise BackendUnavailableError(
            f"precision '{options.precision}' is not available: ONNX Runtime computes in the precision that "
            f"{graph.label} is stored in, {graph.stored}: use precision='auto' (a recognition model is read into fp32)"
        )

    def open_at(choice: tuning.Choice) -> Session:
        return OnnxRuntimeSession(graph, device=options.device, batch=choice.batch, threads=options.threads)

    if graph.free_shape:
        session, reason = open_at(tuning.REFERENCE), "batch 1: the input's shape is free"
    elif options.device != "cpu":
        session, reason = tuning.batch_invariant_session(open_at, graph, options.gpu_batch(CUDA_BATCH))
    else:
        groups = tuning.levels(1, options.max_batch, graph.static_batch)
        measured, reason = tuning.tuned(_key(graph, options), open_at, groups, graph.inputs)
        session = open_paired(open_at, measured)
    session.notes = (f"{graph.stored}: the precision the graph is stored in", reason)
    return session


class OnnxRuntimeSession(Session):
    """A graph opened by ONNX Runtime.

    Parameters
    ----------
    graph
        The graph.
    device
        ``"cpu"``, ``"cuda"`` or ``"cuda:1"`` …
    batch
        Rows per native run.
    threads
        Threads of one operator; None for all processors.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        device: str = "cpu",
        batch: int = 1,
        threads: int | None = None,
    ) -> None:
        try:
            self._session = onnxruntime.InferenceSession(
                graph.data, _settings(threads), providers=_providers(device)
            )
        except Exception as error:  # onnxruntime raises many types, some of them bare RuntimeError subclasses
            raise ModelError(f"ONNX Runtime cannot open {graph.label}: {first_line(error)}") from error
        if device != "cpu" and self._session.get_providers()[0] != "CUDAExecutionProvider":
            raise BackendUnavailableError(
                "ONNX Runtime could not start its CUDA provider (CUDA or cuDNN libraries may be missing): "
                "use device='cpu' or another backend"
            )
        self._names = [info.name for info in graph.outputs]
        outputs = [
            _sharpened(i, node) for i, node in zip(graph.outputs, self._session.get_outputs(), strict=True)
        ]
        super().__init__(
            backend="onnxruntime",
            device=device,
            precision=graph.stored,
            batch=batch,
            inputs=graph.inputs,
            outputs=outputs,
        )

    def _run(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        return [
            dict(zip(self._names, self._session.run(self._names, chunk), strict=True)) for chunk in chunks
        ]

    def _close(self) -> None:
        del self._session


def _settings(threads: int | None) -> onnxruntime.SessionOptions:
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    settings.log_severity_level = FATAL
    settings.inter_op_num_threads = 1
    settings.use_deterministic_compute = True
    # Waiting threads do not spin: decoding needs the processor between two runs.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        settings.intra_op_num_threads = threads
    return settings


def _providers(device: str) -> list[str | tuple[str, dict[str, str]]]:
    if device == "cpu":
        return ["CPUExecutionProvider"]
    index = device.partition(":")[2] or "0"
    cuda = {"device_id": index, "use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
    return [("CUDAExecutionProvider", cuda), "CPUExecutionProvider"]


def _sharpened(info: TensorInfo, node: onnxruntime.NodeArg) -> TensorInfo:
    """Replace the file's output shape by the inferred one where that is known."""
    if not node.shape:
        return info
    return TensorInfo(
        info.name, (None, *(d if isinstance(d, int) else None for d in node.shape[1:])), info.dtype
    )


def _key(graph: Graph, options: Options) -> tuple[object, ...]:
    threads = options.threads or machine.cpu_count()
    version = onnxruntime.__version__
    cpu = machine.cpu_signature()
    return ("onnxruntime", version, cpu, graph.digest, graph.stored, threads, options.max_batch)
