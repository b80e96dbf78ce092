"""Build the forward and backward pass of a recognition network as one ONNX graph.

The graph is ordinary ONNX, so every runtime compiles it like any other network, and one run gives the
embedding, the pre-dropout vector and the gradient of the quality node (Terhörst et al., Eq. 3-5) with respect
to raw pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import onnx
from onnx import helper

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.onnx_export.graphs.adjoint import backward
from fiqx_trt.onnx_export.graphs.adjoint.tape import Tape
from fiqx_trt.onnx_export.graphs.affine import head_affine
from fiqx_trt.onnx_export.graphs.fold import fold_batch_norms
from fiqx_trt.onnx_export.graphs.split import BATCH, cut
from fiqx_trt.onnx_export.graphs.taps import TapNames
from fiqx_trt.onnx_export.graphs.view import GraphView

#: How the quality node weighs the L2-normalised embedding.
Weights = Literal["l1", "sum", "signed", "exact"]
_WEIGHTS = ("l1", "sum", "signed", "exact")
#: Keeps the length of an all-zero embedding, and the distance of a head without noise, away from zero.
_TINY = 1e-12
_PIXELS = "image.normalised"


def build_gradient(
    model: onnx.ModelProto,
    taps: TapNames,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    weights: Weights = "l1",
    dropout: float = 0.5,
) -> onnx.ModelProto:
    """Build the graph from raw pixels to embedding, pre-dropout vector and gradient.

    Parameters
    ----------
    model, taps
        A recognition network with normalised pixels as input, and its taps.
    mean, std
        Per channel of the network's input, in its colour order: the network receives ``(x - mean) / std``.
    weights
        The function to differentiate: ``Σ e_i`` (``l1`` and ``sum``: they differ by a factor per face), ``Σ |e_i|``
        (``signed``), both of the normalised embedding ``e`` with the signs held constant; or ``-d̄``
        (``exact``), with ``d̄ = √(2t / (1 + t))`` the mean distance that dropout noise causes (closed form).
    dropout
        Dropout probability of `exact`.

    Returns
    -------
    onnx.ModelProto
        Input ``image`` (N, C, H, W), raw intensities 0..255 in the network's colour order. Outputs
        ``embedding`` (N, D), not normalised, ``pre_dropout`` (N, F) and ``gradient`` (N, C, H, W), per unit
        of raw intensity.

    Raises
    ------
    InvalidInputError
        `weights` or `dropout` is not one of the above.
    ModelError
        The gradient of an operator is not implemented, or, for `exact`, the head is not affine.
    """
    if weights not in _WEIGHTS:
        raise InvalidInputError(f"weights is {weights!r}; wanted one of {', '.join(_WEIGHTS)}")
    if not 0 < dropout < 1:
        raise InvalidInputError(f"dropout is {dropout}; wanted a probability between 0 and 1, both excluded")
    inner = fold_batch_norms(
        cut(model, inputs=[taps.image], outputs=_distinct(taps.embedding, taps.pre_dropout))
    )
    view = GraphView(_renamed(inner, taps))
    kind = helper.tensor_dtype_to_np_dtype(view.types[_PIXELS].elem_type)
    tape = Tape(view, kind)
    seeds = _quality(tape, weights, dropout, _column_norms(model, taps) if weights == "exact" else None)
    return _assemble(tape, backward(tape, seeds, _PIXELS), mean, std)


def _distinct(*names: str) -> list[str]:
    return list(dict.fromkeys(names))


def _column_norms(model: onnx.ModelProto, taps: TapNames) -> np.ndarray:
    """Return ‖A_:k‖² of the head, (F,)."""
    A, _ = head_affine(cut(model, inputs=[taps.pre_dropout], outputs=[taps.embedding]))
    return np.asarray(np.square(A).sum(axis=0))


def _renamed(model: onnx.ModelProto, taps: TapNames) -> onnx.ModelProto:
    """Rename the taps to their public names, flattened; rename tensors that had those names."""
    names = {public: f"{public}.inner" for public in ("image", "embedding", "pre_dropout", "gradient")}
    names[taps.image] = _PIXELS
    shapes = GraphView(model).shapes
    for tap, public in ((taps.embedding, "embedding"), (taps.pre_dropout, "pre_dropout")):
        names[tap] = public if len(shapes[tap]) == 2 else f"{public}.map"
    for node in model.graph.node:
        node.input[:] = [names.get(n, n) for n in node.input]
        node.output[:] = [names.get(n, n) for n in node.output]
    for value in (*model.graph.input, *model.graph.output):
        value.name = names.get(value.name, value.name)
    for public in ("embedding", "pre_dropout"):
        if f"{public}.map" in names.values():
            node = helper.make_node("Flatten", [f"{public}.map"], [public], name=public, axis=1)
            model.graph.node.insert(_after(model, f"{public}.map"), node)
    return model


def _after(model: onnx.ModelProto, name: str) -> int:
    """Return the position after the node that makes a tensor."""
    return next(i for i, node in enumerate(model.graph.node) if name in node.output) + 1


def _quality(tape: Tape, weights: str, dropout: float, norms: np.ndarray | None) -> dict[str, str]:
    """Write the gradient of the quality node at the embedding and, for `exact`, at the pre-dropout vector."""
    length = tape.reduce("ReduceL2", "embedding", [1])
    length = tape.emit("Max", [length, tape.number(_TINY)])
    unit = tape.emit("Div", ["embedding", length])
    if norms is not None:
        return _closed_form(tape, unit, length, dropout, norms)
    if weights == "signed":
        direction = tape.emit("Sign", [unit])
        value = tape.emit("Mul", [unit, direction])
    else:
        direction, value = tape.number([[1.0]]), unit
    total = tape.reduce("ReduceSum", value, [1])
    across = tape.emit("Sub", [direction, tape.emit("Mul", [unit, total])])
    return {"embedding": tape.emit("Div", [across, length])}


def _closed_form(tape: Tape, unit: str, length: str, dropout: float, norms: np.ndarray) -> dict[str, str]:
    """Gradient of -√(2t / (1 + t)), t = p/(1-p) Σ h² ‖A_:k‖² / ‖e‖².

    With q = 1 / (d̄ (1 + t)²) = d d̄/dt: at h it is −2 q c h / ‖e‖², at the embedding 2 q t e / ‖e‖², where
    c = p/(1−p) ‖A_:k‖².
    """
    share = tape.number((dropout / (1 - dropout) * norms)[None])
    relative = tape.emit("Div", ["pre_dropout", length])
    weighted = tape.emit("Mul", [relative, share])
    t = tape.reduce("ReduceSum", tape.emit("Mul", [weighted, relative]), [1])
    more = tape.emit("Add", [t, tape.number(1)])
    distance = tape.emit("Sqrt", [tape.emit("Div", [tape.emit("Mul", [t, tape.number(2)]), more])])
    scale = tape.emit("Mul", [tape.emit("Mul", [more, more]), length])
    scale = tape.emit("Mul", [tape.emit("Max", [distance, tape.number(_TINY)]), scale])
    factor = tape.emit("Div", [tape.number(2), scale])
    at_embedding = tape.emit("Mul", [tape.emit("Mul", [unit, t]), factor])
    at_h = tape.emit("Neg", [tape.emit("Mul", [weighted, factor])])
    return {"embedding": at_embedding, "pre_dropout": at_h}


def _assemble(tape: Tape, gradient: str, mean: Sequence[float], std: Sequence[float]) -> onnx.ModelProto:
    """Join normalisation, forward and backward nodes to one model."""
    model = onnx.ModelProto()
    model.CopyFrom(tape.view.model)
    graph = model.graph
    forward = list(graph.node)
    del graph.node[:], graph.output[:], graph.value_info[:]
    first = len(tape.nodes)
    channels, *size = tape.shape(_PIXELS)
    inverse = tape.number((1 / np.broadcast_to(np.asarray(std, np.float64), channels)).reshape(1, -1, 1, 1))
    offset = tape.number(np.broadcast_to(np.asarray(mean, np.float64), channels).reshape(1, -1, 1, 1))
    tape.emit("Mul", [tape.emit("Sub", ["image", offset]), inverse], output=_PIXELS)
    entry = tape.nodes[first:]
    tape.emit("Mul", [gradient, inverse], output="gradient")
    graph.node.extend([*entry, *forward, *tape.nodes[:first], *tape.nodes[first + len(entry) :]])
    graph.initializer.extend(tape.constants)
    kind = tape.view.types[_PIXELS].elem_type
    dims = [BATCH, channels, *size]
    graph.input[0].CopyFrom(helper.make_tensor_value_info("image", kind, dims))
    outputs = {n: [BATCH, *tape.shape(n)] for n in ("embedding", "pre_dropout")} | {"gradient": dims}
    graph.output.extend(helper.make_tensor_value_info(n, kind, s) for n, s in outputs.items())
    return model
