"""Fix the input size of networks that accept any size to the size they were trained for."""

from __future__ import annotations

import onnx

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.view import GraphView, infer, shape_text, skeleton
from fiqx_trt.text import field_words

#: Heights and widths that recognisers are trained for.
USUAL_SIZES = ((112, 112), (112, 96), (96, 96), (128, 128), (150, 150), (160, 160), (224, 224))


def fix_input_size(
    model: onnx.ModelProto, size: tuple[int, int] | None = None, *, image: str | None = None
) -> onnx.ModelProto:
    """Return the model with a constant height and width of its picture; ``model`` itself where they are constant.

    Parameters
    ----------
    model
        A network.
    size
        Height and width; ``None`` where they are unknown: then the only usual size that fits the weights is used.
    image
        Name of the picture's input; ``None`` for the only one of rank 4.

    Raises
    ------
    ModelError
        The size differs from the graph's own, does not fit the weights, or is unknown.
    """
    inputs = [v for v in model.graph.input if _is_picture(v) and image in (None, v.name)]
    if len(inputs) != 1:
        return model  # whoever looks for the picture says what is wrong
    image_input = inputs[0]
    height, width = (d.dim_value or None for d in image_input.type.tensor_type.shape.dim[2:])
    if height is not None and width is not None:
        if size not in (None, (height, width)):
            raise ModelError(_contradiction(image_input.name, size, f"the graph's is {height}x{width}"))
        return model
    usual = [s for s in USUAL_SIZES if height in (None, s[0]) and width in (None, s[1])]
    fitting = [s for s in ([size] if size else usual) if _fits(model, image_input.name, s)]
    if len(fitting) != 1:
        raise ModelError(_untold(image_input.name, (height, width), size, fitting))
    return _fixed(model, image_input.name, fitting[0])


def fixed_batch(model: onnx.ModelProto, image: str) -> int:
    """Return the fixed batch of a model's input; 0 where it is free."""
    for value in model.graph.input:
        if value.name == image:
            return int(value.type.tensor_type.shape.dim[0].dim_value)
    return 0


def with_batch_of_one(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """Return the model with a batch of one; None where its batch is fixed already."""
    if not any(_is_picture(v) and not v.type.tensor_type.shape.dim[0].dim_value for v in model.graph.input):
        return None
    single = onnx.ModelProto()
    single.CopyFrom(model)
    del single.graph.value_info[:]
    for value in (*single.graph.input, *single.graph.output):
        if value.type.tensor_type.shape.dim:
            value.type.tensor_type.shape.dim[0].dim_value = 1
    return single


def _is_picture(value: onnx.ValueInfoProto) -> bool:
    dims = value.type.tensor_type.shape.dim
    return len(dims) == 4 and (dims[1].dim_value in (1, 3) or not dims[1].dim_value)


def _fixed(model: onnx.ModelProto, image: str, size: tuple[int, int]) -> onnx.ModelProto:
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    _set(fixed, image, size)
    return fixed


def _set(model: onnx.ModelProto, image: str, size: tuple[int, int]) -> None:
    """Set the size of the picture's input, and drop the declared shapes that depend on it."""
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    for value in model.graph.input:
        if value.name == image:
            for dim, extent in zip(value.type.tensor_type.shape.dim[2:], size, strict=True):
                dim.Clear()
                dim.dim_value = extent


def _fits(model: onnx.ModelProto, image: str, size: tuple[int, int]) -> bool:
    """Return whether shape inference succeeds at this size, and the outputs have one row per picture."""
    trial = skeleton(model)
    _set(trial, image, size)
    try:
        infer(trial, strict=True)
    except ModelError:
        return False
    view = GraphView(trial)
    rows = {name: view.types[name].shape.dim for name in view.outputs if name in view.types}
    return all(not dims or dims[0].dim_value in (0, _batch(view, image)) for dims in rows.values())


def _batch(view: GraphView, image: str) -> int:
    return int(view.types[image].shape.dim[0].dim_value)


def _contradiction(image: str, size: tuple[int, int] | None, why: str) -> str:
    given = "x".join(map(str, size or ()))
    return (
        f"input_size is {given} for the image input {image!r}, but {why}; leave it out or correct it: "
        f"{field_words('input_size', 'HxW')}"
    )


def _untold(
    image: str, own: tuple[int | None, ...], size: tuple[int, int] | None, fitting: list[tuple[int, int]]
) -> str:
    if size is not None:
        return _contradiction(image, size, "the network's weights do not fit that size")
    which = ", ".join(f"{h}x{w}" for h, w in fitting) or "none of the usual ones"
    return (
        f"image input {image!r} has shape {shape_text((None, 3, *own))}: its height and width are free, and the sizes "
        f"that fit its weights are {which}; state the size that the network was trained for: {field_words('input_size', 'HxW')}"
    )
