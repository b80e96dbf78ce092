"""Files as other programs write them, each a spelling of one small network.

`FOREIGN` is the table: a name, a function that writes the file, and what is expected of it. Every row states the
oracle's numbers unless it says which refusal is wanted. Add a row by writing a change of the graph
(`support.foreign_graphs`), or a function ``(folder) -> path``, and one entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper
from onnx.external_data_helper import set_external_data

from support import foreign_graphs as graphs
from support.foreign_graphs import Change, node_of, opset, weight
from support.nets import save, small_recogniser


def gray_oracle() -> onnx.ModelProto:
    """The oracle with one channel."""
    return small_recogniser(channels=1)


def half_oracle() -> onnx.ModelProto:
    """The oracle with the weights that float16 keeps."""
    return graphs.rounded(small_recogniser(), TensorProto.FLOAT16)


def bfloat_oracle() -> onnx.ModelProto:
    """The oracle with the weights that bfloat16 keeps."""
    return graphs.rounded(small_recogniser(), TensorProto.BFLOAT16)


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
        Largest difference from the oracle's numbers, as a share of the largest of each kind.
    oracle
        Makes the network that states the numbers.
    keywords
        What the user gives to ``load_model`` besides the number format of the pixels.
    """

    name: str
    build: Callable[[Path], Path]
    refused: str = ""
    refused_by: Mapping[str, str] = field(default_factory=dict)
    no_gradient: str = ""
    tolerance: float = 2e-5
    oracle: Callable[[], onnx.ModelProto] = small_recogniser
    keywords: Mapping[str, Any] = field(default_factory=dict)


def changed(*changes: Change, **oracle: Any) -> Callable[[Path], Path]:
    """Return a builder that applies changes to the oracle, in place and in turn, and writes it."""

    def build(folder: Path) -> Path:
        model = small_recogniser(**oracle)
        for change in changes:
            change(model)
        return save(model, folder / "foreign.onnx")

    return build


def beside(location: str, *, written: bool = True, in_node: bool = False) -> Callable[[Path], Path]:
    """Return a builder that keeps one layer's weights in another file, or says so only."""

    def build(folder: Path) -> Path:
        home = folder / "home"
        home.mkdir()
        model = small_recogniser()
        tensor = weight(model, "w3")
        if in_node:
            node = helper.make_node("Constant", [], ["w3"], value=tensor)
            model.graph.initializer.remove(tensor)
            model.graph.node.insert(0, node)
            tensor = model.graph.node[0].attribute[0].t
        if written:
            (home / location).write_bytes(tensor.raw_data)
        set_external_data(tensor, location)
        tensor.ClearField("raw_data")
        return save(model, home / "foreign.onnx")

    return build


def linked_outside(folder: Path) -> Path:
    """Weights in a link to a file of another folder."""
    path = beside("weights.bin")(folder)
    weights = path.with_name("weights.bin")
    weights.rename(folder / "elsewhere.bin")
    weights.symlink_to(folder / "elsewhere.bin")
    return path


def names_in_latin(folder: Path) -> Path:
    model = small_recogniser()
    node_of(model, "r1").name = "ZZZZ"
    path = folder / "foreign.onnx"
    path.write_bytes(model.SerializeToString().replace(b"ZZZZ", b"Z\xe9\xe8Z"))
    return path


def intermediate_representation(folder: Path) -> Path:
    path = folder / "foreign.xml"
    path.write_text('<?xml version="1.0"?>\n<net name="foreign" version="11"><layers/></net>\n', "utf-8")
    return path


RAW = {"mean": 0.0, "std": 1.0}
OUTSIDE = r"foreign\.onnx cannot be read: their stated path is .*, outside the model's folder; put model and weights"
#: The table.
FOREIGN = [
    Foreign("as this package writes it", changed()),
    Foreign("a fixed batch of one", changed(batch=1)),
    Foreign("a fixed batch of one that cannot be freed", changed(graphs.through_one_picture, batch=1)),
    Foreign("two outputs, a feature map first", changed(graphs.second_output("features"))),
    *(Foreign(f"opset {version}", changed(opset(version))) for version in (9, 11, 13, 18, 21)),
    Foreign("opset 6", changed(opset(6), graphs.norm_in_test_mode, graphs.gemm_that_broadcasts)),
    Foreign(
        "opset 6, batch norm in training mode by default",
        changed(opset(6), graphs.gemm_that_broadcasts),
        refused=r"node 'embedding' \(BatchNormalization\) is in training mode: .*model\.eval\(\)$",
    ),
    Foreign(
        "slopes (C,), opset 6",
        changed(opset(6), graphs.norm_in_test_mode, graphs.gemm_that_broadcasts, graphs.slopes(6)),
    ),
    Foreign("clip with attributes, opset 9", changed(opset(9), graphs.clips)),
    # Dropout and batch norm
    Foreign("inactive dropout", changed(graphs.dropout(training=False))),
    Foreign("inactive dropout without the third input", changed(graphs.dropout(training=None))),
    Foreign("dropout in training mode", changed(graphs.dropout(training=True))),
    Foreign("dropout in training mode with a mask", changed(graphs.dropout(training=True, outputs=2))),
    Foreign(
        "dropout whose mask is an output",
        changed(graphs.dropout(training=True, outputs=2), graphs.mask_is_used),
        refused=r"node 'drop' \(Dropout\): its mask is used; export the model after model\.eval\(\)$",
    ),
    Foreign("dropout of opset 11", changed(opset(11), graphs.dropout_with_attributes(ratio=0.5))),
    Foreign(
        "batch norm in training mode",
        changed(graphs.training_norm),
        refused=r"node 'embedding' \(BatchNormalization\) is in training mode: a face's score would depend on the other "
        r"faces; export the model after model\.eval\(\)$",
    ),
    Foreign(
        "batch norm with the outputs of training, opset 9",
        changed(opset(9), graphs.norm_with_training_outputs),
        refused=r"node 'embedding' \(BatchNormalization\) is in training mode: .*model\.eval\(\)$",
    ),
    # Number formats
    Foreign(
        "half between float ends",
        changed(graphs.all_in(TensorProto.FLOAT16, float_ends=True)),
        oracle=half_oracle,
    ),
    Foreign("half", changed(graphs.all_in(TensorProto.FLOAT16, float_ends=False)), oracle=half_oracle),
    Foreign("bfloat16", changed(graphs.all_in(TensorProto.BFLOAT16, float_ends=False)), oracle=bfloat_oracle),
    Foreign("double", changed(graphs.all_in(TensorProto.DOUBLE, float_ends=False))),
    Foreign("double between float ends", changed(graphs.all_in(TensorProto.DOUBLE, float_ends=True))),
    Foreign("whole pixels, cast first", changed(graphs.whole_pixels()), keywords=RAW),
    Foreign(
        "whole pixels, computed with",
        changed(graphs.whole_pixels(cast=False)),
        keywords=RAW,
        refused=r"image input 'image' is uint8, and node 'modulo' \(Mod\) reads it before a Cast to float32; export the "
        r"model with a float32 input$",
    ),
    # Slopes
    Foreign("slopes (C, 1, 1)", changed(graphs.slopes(6, 1, 1))),
    Foreign("slopes (C,)", changed(graphs.slopes(6))),
    Foreign("slopes (C,), opset 11", changed(opset(11), graphs.slopes(6))),
    Foreign("slopes (1, C, 1, 1)", changed(graphs.slopes(1, 6, 1, 1))),
    Foreign("slopes (D,) of a vector", changed(graphs.slopes_of_a_vector)),
    Foreign(
        "slopes (C,) of a map as wide as it has channels",
        changed(graphs.slopes_as_wide_as_channels),
        refused=r"node 'prelu' \(PRelu\): 8 slopes fit the channels and the width of its input; write them as \(8, 1, 1\)",
    ),
    # Computed shapes
    Foreign("view by a scalar", changed(graphs.view_by_scalar(axes=False))),
    Foreign("view by a scalar, opset 11", changed(opset(11), graphs.view_by_scalar(axes=True))),
    Foreign("view by a scalar, a fixed batch of one", changed(graphs.view_by_scalar(axes=False), batch=1)),
    Foreign("view by a list", changed(graphs.view_by_list)),
    Foreign("view by a slice", changed(graphs.view_by_slice)),
    Foreign("view by a product", changed(graphs.view_by_product)),
    Foreign("view by a choice", changed(graphs.view_by_where)),
    Foreign("zeros of the batch's size", changed(graphs.zeros_of_the_batch)),
    Foreign(
        "free height and width, view by a product",
        changed(graphs.free_size, graphs.view_by_product),
        keywords={"input_size": (32, 32)},
    ),
    # Quantised, other formats
    Foreign(
        "whole numbers in the layers",
        changed(graphs.quantised),
        refused=r"node 'quantised' \(QLinearConv\) computes in whole numbers: .* give the float32 or float16 model that it "
        r"was made from$",
    ),
    Foreign(
        "OpenVINO's IR",
        intermediate_representation,
        refused=r"foreign\.xml is not an ONNX model but an XML file, such as OpenVINO's IR\. .*give the ONNX file that the "
        r"IR was converted from$",
    ),
    # Weights in another file
    Foreign("weights in another file", beside("weights.bin")),
    Foreign("weights of a node in another file", beside("weights.bin", in_node=True)),
    Foreign(
        "weights in a file that is not there",
        beside("weights.bin", written=False),
        refused=r"foreign\.onnx cannot be read: weights\.bin: No such file or directory; put the file beside the model$",
    ),
    Foreign("weights in the folder above", beside("../weights.bin"), refused=OUTSIDE),
    Foreign("weights at an absolute path", beside("/etc/hostname", written=False), refused=OUTSIDE),
    Foreign("weights in a link to another folder", linked_outside, refused=OUTSIDE),
    # Hostile and damaged
    Foreign("a local function", changed(graphs.local_function)),
    Foreign(
        "functions that stand for 10^12 nodes",
        changed(graphs.function_bomb()),
        refused=r"the local functions of the graph stand for 1,000,000,000,006 nodes .*Export the model without functions$",
    ),
    Foreign(
        "functions that call each other in a circle",
        changed(graphs.function_bomb(circle=True)),
        refused=r"the local function 'F0' of the graph calls itself$",
    ),
    Foreign(
        "functions that call each other 200 deep",
        changed(graphs.function_bomb(levels=200)),
        refused=r"the local functions of the graph call each other more than 50 deep$",
    ),
    Foreign(
        "a name that is not UTF-8",
        names_in_latin,
        refused=r"the graph has a name that is not UTF-8, b'Z\\xe9\\xe8Z'; export the model with plain names$",
    ),
    Foreign(
        "a weight of unknown type",
        changed(graphs.unknown_weight),
        refused=r"weight 'w1' has the unknown element type 99; export the model again$",
    ),
    Foreign(
        "an input of unknown type",
        changed(graphs.unknown_input),
        refused=r"tensor 'image' has the unknown element type 99; export the model again$",
    ),
    Foreign(
        "a weight that does not fill its shape",
        changed(graphs.short_weight),
        refused=r"weight 'w1' holds 644 bytes, its shape \[6, 3, 3, 3\] wants 648; the file is damaged",
    ),
    Foreign(
        "a weight as a list that is too short",
        changed(graphs.short_list),
        refused=r"weight 'w1' cannot be read \(.*\); the file is damaged, export the model again$",
    ),
    Foreign(
        "a weight of another type than was written",
        changed(graphs.rare_type),
        refused=r"weight 'w1' cannot be read \(.*\); the file is damaged, export the model again$",
    ),
    Foreign(
        "20,000 nodes in a row",
        changed(graphs.identities(20_000)),
        refused=r"the graph has 20,007 nodes; a recognition network of at most 10,000 is read$",
    ),
    Foreign(
        "random numbers",
        changed(graphs.random_noise(used=True)),
        refused=r"node 'noise' \(RandomNormalLike\) draws random numbers, so scores would differ at every call; export the "
        r"model after model\.eval\(\)$",
    ),
    Foreign("random numbers that nothing reads", changed(graphs.random_noise(used=False))),
]
