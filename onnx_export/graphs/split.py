"""Choose the outputs of ONNX models, cut models in two, and free their batch dimension."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import numpy as np
import onnx
from onnx import numpy_helper

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.view import (
    GraphView,
    attribute,
    count,
    describe,
    infer,
    reads,
    shape_text,
    skeleton,
)

logger = logging.getLogger(__name__)

#: Name of the symbolic batch dimension in every graph this package writes.
BATCH = "N"
_FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE)


def with_outputs(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """Return the graph with exactly these outputs, in this order, and the nodes that they need.

    Like `cut`, with the graph's own inputs. ModelError, with similar names, for an unknown tensor.
    """
    view = GraphView(model)
    needed = _ancestors(view, names, ())
    return cut(model, inputs=[i for i in view.inputs if i in needed] or view.inputs, outputs=names)


def cut(model: onnx.ModelProto, *, inputs: Sequence[str], outputs: Sequence[str]) -> onnx.ModelProto:
    """Return the part of a graph from `inputs` to `outputs`, as a new model with the needed nodes and weights.

    Tensors inside the graph may be inputs. A static batch becomes the symbolic ``N`` where every operator allows it, and
    otherwise stays, with a log entry.

    Raises
    ------
    ModelError
        A name is not in the graph, is given twice, or an output needs an input that is not given.

    Examples
    --------
    >>> from fiqx_trt.onnx_export.architectures.mobilefacenet import build_mobilefacenet
    >>> head = cut(build_mobilefacenet(), inputs=["flatten"], outputs=["embedding"])
    >>> [node.op_type for node in head.graph.node]
    ['Gemm', 'BatchNormalization']
    """
    view = GraphView(model)
    for role, names in (("an input", inputs), ("an output", outputs)):
        if not names or len(set(names)) != len(names):
            raise ModelError(f"a cut wants {role} at least, each once; got {list(names)}")
        for name in names:
            view.require(name, role)
    needed = _ancestors(view, outputs, inputs)
    for name in view.inputs:
        if name in needed and name not in inputs:
            raise ModelError(
                f"the outputs {list(outputs)} also need the input {name!r}; cut inputs: {list(inputs)}"
            )
    part = _shell(model)
    made = needed.difference(inputs)
    part.graph.node.extend(n for n in view.nodes if not made.isdisjoint(n.output))
    part.graph.initializer.extend(t for name, t in view.initializers.items() if name in needed)
    part.graph.input.extend(_value(view, name) for name in inputs)
    part.graph.output.extend(_value(view, name) for name in outputs)
    try:
        return dynamic_batch(part)
    except ModelError as error:
        logger.info("the batch dimension stays as it is: %s", error)
        return part


def dynamic_batch(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with the symbolic batch dimension ``N`` in every input and output.

    Leading dimensions of inputs and constant shapes of Reshape nodes are rewritten; then shape inference
    at batches of 2 and 3 proves that every image-dependent tensor grows with the batch. ModelError names a node that keeps
    the batch fixed.
    """
    view = GraphView(model)
    batches = {view.shapes[i][0] for i in view.inputs if view.shapes.get(i)}
    if len(batches) != 1:
        raise ModelError(f"the inputs {view.inputs} share no batch dimension: {sorted(map(str, batches))}")
    batch = batches.pop()
    copy = _shell(model)
    copy.graph.node.extend(view.nodes)
    copy.graph.initializer.extend(view.graph.initializer)
    copy.graph.input.extend(v for v in view.graph.input if v.name in view.inputs)
    copy.graph.output.extend(view.graph.output)
    if batch is not None:
        _free_reshapes(copy, view, batch)
        _prune(copy)
    for value in (*copy.graph.input, *copy.graph.output):
        if value.type.tensor_type.shape.dim:
            value.type.tensor_type.shape.dim[0].Clear()
            value.type.tensor_type.shape.dim[0].dim_param = BATCH
    _prove_batch(copy)
    return copy


def _shell(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model without graph content, of a file version that every runtime reads."""
    shell = onnx.ModelProto(ir_version=min(max(model.ir_version, 8), 10), producer_name="fiqx_trt")
    shell.opset_import.extend(model.opset_import)
    shell.functions.extend(model.functions)
    shell.graph.name = model.graph.name or "graph"
    return shell


def _ancestors(view: GraphView, names: Iterable[str], stop: Sequence[str]) -> set[str]:
    """Return every tensor that `names` are computed from, including themselves, up to `stop`."""
    found: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            if name not in stop and name in view.producers:
                pending.extend(reads(view.producers[name]))
    return found


def _value(view: GraphView, name: str) -> onnx.ValueInfoProto:
    """Return name, element type and shape of a tensor, with ``N`` for a leading dimension that is not constant."""
    if name not in view.types:
        raise ModelError(f"shape inference does not tell the type of tensor {name!r}; it cannot be cut there")
    dims: list[int | str | None] = list(view.shapes.get(name, ()))
    if dims and dims[0] is None:
        dims[0] = BATCH
    kind = view.types[name].elem_type
    return onnx.helper.make_tensor_value_info(name, kind, dims if name in view.shapes else None)


def _free_reshapes(copy: onnx.ModelProto, view: GraphView, batch: int) -> None:
    """Replace the leading batch in the constant shape of every Reshape of image data."""
    for index, node in enumerate(copy.graph.node):
        if node.op_type != "Reshape" or node.input[0] not in view.dynamic:
            continue
        shape = view.constant(node.input[1])
        if (
            shape is None
            or shape.ndim != 1
            or not shape.size
            or shape[0] != batch
            or attribute(node, "allowzero", 0)
        ):
            continue
        free = np.array(shape, np.int64)
        free[0] = 0 if -1 in free else -1
        name = f"{node.output[0]}.free_shape.{index}"
        copy.graph.initializer.append(numpy_helper.from_array(free, name))
        node.input[1] = name


def _prune(model: onnx.ModelProto) -> None:
    """Drop the nodes and weights that no output needs."""
    view = GraphView(model)
    needed = _ancestors(view, view.outputs, ())
    nodes = [node for node in view.nodes if not needed.isdisjoint(node.output)]
    weights = [tensor for name, tensor in view.initializers.items() if name in needed]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(weights)


def _prove_batch(model: onnx.ModelProto) -> None:
    """Raise unless every float tensor that depends on the picture grows in proportion to the batch."""
    small, large = (_sizes(model, batch) for batch in (2, 3))
    view = GraphView(model)
    for node in view.nodes:
        for name in node.output:
            if name in view.dynamic and name in small and 3 * small[name] != 2 * large.get(name, 0):
                raise ModelError(
                    f"the batch is fixed: {describe(node)} does not follow a batch of another size"
                )
    for name in view.outputs:
        if name not in small:
            raise ModelError(f"the shape of output {name!r} cannot be inferred, so its batch cannot be freed")


def _sizes(model: onnx.ModelProto, batch: int) -> dict[str, int]:
    """Count the elements of each float tensor whose shape is fully known at a given batch."""
    trial = skeleton(model)
    inputs = set(GraphView(model).inputs)
    for value in trial.graph.input:
        if value.name in inputs and value.type.tensor_type.shape.dim:
            value.type.tensor_type.shape.dim[0].Clear()
            value.type.tensor_type.shape.dim[0].dim_value = batch
    _check_reshapes(view := _inferred(trial))
    return {
        name: size
        for name, shape in view.shapes.items()
        if (size := count(shape)) is not None and view.types[name].elem_type in _FLOATS
    }


def _inferred(trial: onnx.ModelProto) -> GraphView:
    for value in trial.graph.output:
        value.type.tensor_type.ClearField("shape")
    infer(trial, strict=True)
    return GraphView(trial)


def _check_reshapes(view: GraphView) -> None:
    """Raise where a Reshape with a constant shape changes the number of values."""
    for node in view.nodes:
        if node.op_type == "Reshape":
            before, after = (view.shapes.get(n, (None,)) for n in (node.input[0], node.output[0]))
            before_count, after_count = count(before), count(after)
            if before_count != after_count and None not in (before_count, after_count):
                raise ModelError(
                    f"the batch is fixed: {describe(node)} makes {shape_text(after)} of {shape_text(before)}"
                )
