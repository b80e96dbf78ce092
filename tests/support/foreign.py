"""Files as other programs write them, each a spelling of one small network.

`FOREIGN` is the table: a name, a function that writes the file, and what is expected of it. Every row states the oracle's numbers
unless it says which refusal is wanted. Add a row by writing a function ``(folder) -> path`` and one entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from support.nets import save, small_recogniser

#: The network that all rows spell; it states the numbers.
ORACLE = small_recogniser

Change = Callable[[onnx.ModelProto], object]


@dataclass(frozen=True)
class Foreign:
    """A row of the table.

    Attributes
    ----------
    name
        The spelling.
    build
        Writes the file (and what belongs to it) into a folder and returns the path a user would give.
    refused
        A regular expression for the whole refusal; empty where the file must work.
    refused_by
        Backend to the refusal that only this backend gives.
    no_gradient
        A regular expression for the refusal of ``plq``, where embeddings work and gradients cannot.
    tolerance
        Largest difference from the oracle's unit embedding, and the relative one of the other numbers.
    gray
        The oracle is the network that reads one channel.
    keywords
        What the user gives to ``load_model`` besides the number format of the pixels.
    """

    name: str
    build: Callable[[Path], Path]
    refused: str = ""
    refused_by: Mapping[str, str] = field(default_factory=dict)
    no_gradient: str = ""
    tolerance: float = 2e-5
    gray: bool = False
    keywords: Mapping[str, Any] = field(default_factory=dict)


def changed(*changes: Change, **oracle: Any) -> Callable[[Path], Path]:
    """Return a builder that applies changes to the oracle, in place and in turn, and writes it."""

    def build(folder: Path) -> Path:
        model = small_recogniser(**oracle)
        for change in changes:
            change(model)
        return save(model, folder / "foreign.onnx")

    return build


def node_of(model: onnx.ModelProto, output: str) -> onnx.NodeProto:
    """Return the node that makes a tensor."""
    return next(node for node in model.graph.node if output in node.output)


def put_before(model: onnx.ModelProto, output: str, *nodes: onnx.NodeProto) -> None:
    """Insert nodes before the one that makes a tensor."""
    at = next(i for i, node in enumerate(model.graph.node) if output in node.output)
    for offset, node in enumerate(nodes):
        model.graph.node.insert(at + offset, node)


def constant(model: onnx.ModelProto, name: str, value: Any, dtype: Any = np.int64) -> str:
    """Add an initializer and return its name."""
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(value, dtype), name))
    return name


def opset(version: int) -> Change:
    """State another operator set; the oracle's operators mean the same in 9 and later."""

    def change(model: onnx.ModelProto) -> None:
        model.opset_import[0].version = version
        model.ir_version = 6 if version < 15 else 8

    return change


def dropout(*, training: bool | None, outputs: int = 1, mode: bool = True) -> Change:
    """Put a Dropout of opset 12 before the last layer; `training` None leaves that input out."""

    def change(model: onnx.ModelProto) -> None:
        inputs = ["pre_dropout", constant(model, "ratio", 0.5, np.float32)]
        if training is not None:
            inputs.append(constant(model, "training", training, bool))
        names = ["dropped", "mask"][:outputs]
        put_before(model, "linear", helper.make_node("Dropout", inputs, names, name="drop"))
        node_of(model, "linear").input[0] = "dropped"

    return change


def dropout_with_attributes(**attributes: Any) -> Change:
    """Put a Dropout of an older opset, with attributes, before the last layer."""

    def change(model: onnx.ModelProto) -> None:
        node = helper.make_node("Dropout", ["pre_dropout"], ["dropped"], name="drop", **attributes)
        put_before(model, "linear", node)
        node_of(model, "linear").input[0] = "dropped"

    return change


def second_output(name: str) -> Change:
    """Make an inner tensor an output too."""

    def change(model: onnx.ModelProto) -> None:
        model.graph.output.insert(0, helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 8, 8, 8]))

    return change


#: The table.
FOREIGN = [
    Foreign("as this package writes it", changed()),
    Foreign("a fixed batch of one", changed(batch=1)),
    Foreign("opset 18", changed(opset(18))),
    Foreign("opset 11", changed(opset(11))),
    Foreign("opset 9", changed(opset(9))),
    Foreign("inactive dropout, opset 17", changed(dropout(training=False))),
    Foreign("inactive dropout without the third input", changed(dropout(training=None))),
    Foreign("dropout left in training mode, opset 17", changed(dropout(training=True))),
    Foreign("dropout left in training mode with its mask", changed(dropout(training=True, outputs=2))),
    Foreign("dropout of opset 11", changed(opset(11), dropout_with_attributes(ratio=0.5))),
    Foreign("two outputs, a feature map first", changed(second_output("features"))),
]
