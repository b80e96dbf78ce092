"""Run an ONNX graph with torch operators: differentiable, on the CPU and on CUDA."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from fiqx_trt.errors import FiqxError, InferenceError, InvalidInputError, ModelError
from fiqx_trt.runtime.base import first_line
from fiqx_trt.runtime.torch import elementwise, layers, reductions, resize, shaping, windows
from fiqx_trt.runtime.torch.node import CURE, Node, read_node, to_tensor

if TYPE_CHECKING:
    import onnx

__all__ = ["OPERATORS", "TorchGraph"]

OPERATORS = {
    **elementwise.OPERATORS,
    **layers.OPERATORS,
    **reductions.OPERATORS,
    **resize.OPERATORS,
    **shaping.OPERATORS,
    **windows.OPERATORS,
}


class TorchGraph:
    """A callable that runs an ONNX graph on torch tensors.

    Differentiable with respect to its inputs; the weights are constants. Integer tensors (shapes, indices)
    stay in host memory.

    Parameters
    ----------
    model
        The graph with its weights.
    device
        ``"cpu"``, ``"cuda"`` …
    dtype
        dtype of the arithmetic, instead of the file's float32.
    channels_last
        Keep weights and pictures in the order (N, H, W, C) in memory, which is the order that the fastest convolutions of a
        GPU read and write. Shapes stay (N, C, H, W).

    Raises
    ------
    ModelError
        The graph has an operator outside :data:`OPERATORS`.

    Examples
    --------
    >>> from onnx import TensorProto, helper
    >>> row = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 2]) for n in ("x", "y")]
    >>> graph = helper.make_graph([helper.make_node("Mul", ["x", "x"], ["y"])], "square", row[:1], row[1:])
    >>> square = TorchGraph(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))
    >>> x = torch.tensor([[3.0, 4.0]], requires_grad=True)
    >>> square({"x": x})["y"].sum().backward()
    >>> x.grad
    tensor([[6., 8.]])
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        *,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        channels_last: bool = False,
    ) -> None:
        opset = max(
            (entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=1
        )
        _check_operators(model.graph.node)
        self.device = torch.device(device)
        self.dtype = dtype
        self._order = torch.channels_last if channels_last else torch.preserve_format
        self._nodes = [read_node(node, opset, dtype) for node in model.graph.node]
        self._weights = {
            tensor.name: self._place(to_tensor(tensor, dtype)) for tensor in model.graph.initializer
        }
        self.inputs = tuple(v.name for v in model.graph.input if v.name not in self._weights)
        self.outputs = tuple(v.name for v in model.graph.output)
        self._plans: dict[tuple[str, ...], list[tuple[Node, tuple[str, ...]]]] = {}

    def __call__(
        self, feeds: Mapping[str, torch.Tensor], *, outputs: Sequence[str] | None = None
    ) -> dict[str, torch.Tensor]:
        """Run the graph.

        Parameters
        ----------
        feeds
            A tensor per input, by name; moved to the graph's device, float32 to its dtype.
        outputs
            Names of the tensors wanted, any in the graph; None for its outputs. Only what they need is run.

        Raises
        ------
        InvalidInputError
            An input is missing, or a wanted tensor is not in the graph.
        InferenceError
            An operator failed.
        """
        wanted = tuple(self.outputs if outputs is None else outputs)
        missing = sorted(set(self.inputs) - set(feeds))
        if missing:
            raise InvalidInputError(
                f"no tensor for the inputs {missing}; the graph expects {list(self.inputs)}"
            )
        values: dict[str, Any] = {**self._weights, **{name: self._feed(feeds[name]) for name in self.inputs}}
        for node, done in self._plan(wanted):
            results = _apply(node, [values[name] if name else None for name in node.inputs])
            values.update(zip(node.outputs, results, strict=False))
            for name in done:
                values.pop(name, None)
        return {name: values[name] for name in wanted}

    def _feed(self, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.dtype == torch.float32:
            return tensor.to(self.device, self.dtype, memory_format=self._order_of(tensor))
        return self._place(tensor)

    def _place(self, tensor: torch.Tensor) -> torch.Tensor:
        # Integers are mostly shapes and axes, which the operators read: they stay where reading is free.
        if not tensor.is_floating_point():
            return tensor
        return tensor.to(self.device, memory_format=self._order_of(tensor))

    def _order_of(self, tensor: torch.Tensor) -> torch.memory_format:
        return self._order if tensor.ndim == 4 else torch.preserve_format

    def _plan(self, wanted: tuple[str, ...]) -> list[tuple[Node, tuple[str, ...]]]:
        """Return the nodes that the wanted tensors need, each with the tensors that are not used after it."""
        if wanted not in self._plans:
            needed, nodes = set(wanted), []
            for node in reversed(self._nodes):
                if needed.intersection(node.outputs):
                    nodes.append(node)
                    needed.update(node.inputs)
            known = {name for node in nodes for name in node.outputs} | set(self.inputs) | set(self._weights)
            if not set(wanted) <= known:
                raise InvalidInputError(f"the graph has no tensor named {sorted(set(wanted) - known)}")
            self._plans[wanted] = _release(nodes, keep={*wanted, *self._weights})
        return self._plans[wanted]


def _release(backwards: Sequence[Node], keep: set[str]) -> list[tuple[Node, tuple[str, ...]]]:
    plan, read_later = [], set(keep)
    for node in backwards:
        done = {name for name in (*node.inputs, *node.outputs) if name and name not in read_later}
        plan.append((node, tuple(done)))
        read_later |= done
    return plan[::-1]


def _apply(node: Node, arguments: Sequence[torch.Tensor | None]) -> tuple[torch.Tensor, ...]:
    try:
        result = OPERATORS[node.op](node, *arguments)
    except FiqxError:
        raise
    except Exception as error:
        raise InferenceError(
            f"torch failed in the {node.op} node '{node.name}': {first_line(error)}"
        ) from error
    return result if isinstance(result, tuple) else (result,)


def _check_operators(nodes: Sequence[onnx.NodeProto]) -> None:
    for node in nodes:
        if node.domain not in ("", "ai.onnx") or node.op_type not in OPERATORS:
            name = node.name or (node.output[0] if node.output else "")
            raise ModelError(
                f"operator {node.domain + '.' if node.domain else ''}{node.op_type} (node '{name}') is not "
                f"covered by the torch backend; {CURE}"
            )
