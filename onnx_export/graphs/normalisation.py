"""Find the L2 normalisation at the end of a network, in whatever operators it is written.

Exporters write ``x / ‖x‖`` in many ways (a reciprocal root, a clipped or expanded length, a scaled result). So the last
few operators are evaluated on random vectors, and the results are compared with a normalisation.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from fiqx_trt.onnx_export.graphs.head_walk import is_vector
from fiqx_trt.onnx_export.graphs.view import GraphView, reads

#: The normalisation is looked for in this many nodes before the output.
_REACH = 24
#: Operators with weights: no normalisation reaches over them.
_WEIGHTED = frozenset(["BatchNormalization", "Conv", "ConvTranspose", "Gemm"])
_ROWS = 2
_TOLERANCE = 1e-3


def behind_normalisation(view: GraphView, output: str) -> str:
    """Return the input of a final L2 normalisation, ``output = c x / ‖x‖`` with one constant c; `output` itself without one."""
    for name in view.bottlenecks(output):
        nodes = _between(view, name, output)
        if nodes is None or not is_vector(view.shapes.get(name, ())):
            return output
        if nodes and _normalises(view, nodes, name, output):
            return name
    return output


def _between(view: GraphView, start: str, output: str) -> list[onnx.NodeProto] | None:
    """Return the nodes from `start` to `output` in order; None where they are many, branch, or have weights."""
    needed, produced = [output], set[str]()
    while needed:
        name = needed.pop()
        node = view.producers.get(name)
        if name == start or name in produced or node is None:
            continue
        produced.update(node.output)
        if len(produced) > _REACH or node.op_type in _WEIGHTED:
            return None
        needed.extend(reads(node))
    if not produced.isdisjoint(view.inputs):
        return None
    return [node for node in view.nodes if not produced.isdisjoint(node.output)]


def _normalises(view: GraphView, nodes: list[onnx.NodeProto], start: str, output: str) -> bool:
    shape = view.shapes[start]
    rows = shape[0] or _ROWS
    drawn = np.random.default_rng(5).standard_normal((rows, *(d or 1 for d in shape[1:])))
    results = [_run(view, nodes, start, output, drawn * scale) for scale in (1.0, 7.0)]
    if any(r is None or r.size != drawn.size for r in results):
        return False
    once, again = (np.asarray(r, np.float64).reshape(rows, -1) for r in results)
    flat = drawn.reshape(rows, -1)
    unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    factor = float((once[0] * unit[0]).sum())
    if not np.isfinite(factor) or factor == 0.0:
        return False
    return all(np.abs(r / factor - unit).max() < _TOLERANCE for r in (once, again))


def _run(
    view: GraphView, nodes: list[onnx.NodeProto], start: str, output: str, value: NDArray[np.float64]
) -> NDArray[np.generic] | None:
    """Evaluate a few nodes on one tensor; None where that fails."""
    kind = view.types[start].elem_type
    given = onnx.helper.make_tensor_value_info(start, kind, None)
    wanted = onnx.helper.make_tensor_value_info(output, onnx.TensorProto.UNDEFINED, None)
    graph = onnx.helper.make_graph(nodes, "ending", [given], [wanted])
    names = {name for node in nodes for name in reads(node)}
    graph.initializer.extend(t for name, t in view.initializers.items() if name in names)
    model = onnx.helper.make_model(graph, opset_imports=view.model.opset_import)
    feed = value.astype(onnx.helper.tensor_dtype_to_np_dtype(kind))
    try:
        with np.errstate(all="ignore"):
            answer: NDArray[np.generic] = ReferenceEvaluator(model).run([output], {start: feed})[0]
    except Exception:  # the evaluator's own; an operator it lacks is no normalisation that we know
        return None
    return answer
