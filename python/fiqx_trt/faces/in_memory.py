"""Pictures that a program hands over, as bytes or pixels, turned into what `FacePreparer` reads.

====================================  ==================================================================
given                                 means
====================================  ==================================================================
text or a path                        a file; where inputs are expanded, all that `sources` names
``bytes``, ``bytearray``              the content of a picture file
uint8 array ``(H, W, 3)``             one picture, RGB, upright; ``(3, H, W)`` is read as well
uint8 array ``(N, H, W, 3)``          N pictures; ``(N, 3, H, W)`` is read as well
a PIL image                           one picture; its EXIF orientation is applied, alpha is dropped
``{"bytes": …, "path": …}``           one picture as Hugging Face data sets hold it; without bytes, the file
a pandas or Arrow column              its elements, and so with a NumPy array of objects or texts
====================================  ==================================================================

An array is whatever has ``__array__`` or ``__dlpack__`` and is in host memory: NumPy, torch, JAX, TensorFlow. Where an
array could be read both ways, the last axis holds the colours. The row of a picture without a file is named by the
expression that gives it: ``inputs[2]``, and ``inputs[2][0]`` for the first picture of a batch.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import ImageError, InvalidInputError
from fiqx_trt.faces.prepare import FaceSource
from fiqx_trt.faces.sources import MAX_BYTES, Source, iter_sources

__all__ = ["GivenPicture", "given_sources"]

_TAKEN = "a path, the bytes of a picture file, a PIL image, or a uint8 RGB array"
_SHAPES = "(H, W, 3), (3, H, W), (N, H, W, 3) or (N, 3, H, W)"


@dataclass(frozen=True, eq=False, slots=True)
class GivenPicture:
    """One picture in memory.

    Parameters
    ----------
    path
        Its name in the row.
    picture
        The content of a picture file, or pixels: ``(H, W, 3)`` uint8 RGB.
    """

    path: str
    picture: bytes | NDArray[np.uint8]

    def read(self) -> bytes | NDArray[np.uint8]:
        """Return the picture.

        Raises
        ------
        ImageError
            ``unsupported`` when a file has more than `MAX_BYTES` bytes.
        """
        if isinstance(self.picture, np.ndarray):
            return np.ascontiguousarray(self.picture)
        if len(self.picture) > MAX_BYTES:
            message = f"a file of {len(self.picture):,} bytes: more than the limit of {MAX_BYTES:,}"
            raise ImageError(message, status="unsupported")
        return self.picture


def given_sources(inputs: object, *, expand: bool) -> Iterator[FaceSource]:
    """Return one source per picture, in the order of the inputs.

    Parameters
    ----------
    inputs
        One input, or an iterable of inputs; see the table above.
    expand
        Whether folders, globs, archives, lists and tables stand for the pictures they name. Otherwise a text is the name
        of one file.

    Raises
    ------
    InvalidInputError
        At once: an input is of another kind, dtype or shape.
    SourceError
        At once: an input that is expanded does not exist or names no picture.
    """
    inputs = _listed(inputs)
    _refuse_open_file("inputs", inputs)
    if _is_one(inputs):
        return _sources("inputs", inputs, expand)
    if not isinstance(inputs, Iterable):
        raise InvalidInputError(f"inputs is {_kind(inputs)}; give {_TAKEN}, or a list of them")
    found = [_sources(f"inputs[{index}]", item, expand) for index, item in enumerate(inputs)]
    return chain.from_iterable(found)


def _listed(inputs: Any) -> Any:
    """Return a column of names or bytes as a list, and anything else as it is."""
    library = type(inputs).__module__.partition(".")[0]
    if library == "pandas" and hasattr(inputs, "tolist"):
        return inputs.tolist()
    if library == "pyarrow" and hasattr(inputs, "to_pylist"):
        return inputs.to_pylist()
    if library == "pandas":
        raise InvalidInputError(
            f'inputs is {_kind(inputs)}; give the column of the pictures, such as inputs["path"]'
        )
    return inputs.tolist() if isinstance(inputs, np.ndarray) and inputs.dtype.kind in "OUT" else inputs


def _refuse_open_file(name: str, item: object) -> None:
    """Raise for an open file, whose lines would be taken for pictures."""
    if callable(getattr(item, "read", None)) and not _is_array(item):
        raise InvalidInputError(f"{name} is {_kind(item)}, an open file; give {name}.read()")


def _is_one(value: object) -> bool:
    one = (str, os.PathLike, bytes, bytearray, memoryview, Mapping)
    return isinstance(value, one) or _is_array(value)


def _is_array(value: object) -> bool:
    return _is_pil(value) or hasattr(value, "__array__") or hasattr(value, "__dlpack__")


def _sources(name: str, item: Any, expand: bool) -> Iterator[FaceSource]:
    if isinstance(item, (str, os.PathLike)):
        path = os.fspath(item)
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        return iter_sources(path) if expand else iter([Source(path)])
    if isinstance(item, (bytes, bytearray, memoryview)):
        return iter([GivenPicture(name, bytes(item))])
    if isinstance(item, Mapping) and isinstance(item.get("bytes"), bytes):
        return iter([GivenPicture(item.get("path") or name, item["bytes"])])
    if isinstance(item, Mapping) and isinstance(item.get("path"), str):
        return iter([Source(item["path"])])
    _refuse_open_file(name, item)
    if _is_array(item):
        return _pictures(name, _pil_pixels(name, item) if _is_pil(item) else item)
    raise InvalidInputError(f"{name} is {_kind(item)}; give {_mapping_cure(name, item) or _TAKEN}")


def _mapping_cure(name: str, item: object) -> str:
    """Return the call that takes the pictures out of a batch of columns, such as ``{"image": [...]}``; empty for other items."""
    if not isinstance(item, Mapping):
        return ""
    columns = [key for key, value in item.items() if isinstance(value, (list, tuple)) or _is_array(value)]
    return f"the column of the pictures, such as {name}[{columns[0]!r}]" if columns else ""


def _pictures(name: str, item: Any) -> Iterator[FaceSource]:
    pixels = _with_colours_last(name, _uint8(name, item))
    if pixels.ndim == 3:
        return iter([GivenPicture(name, pixels)])
    return (GivenPicture(f"{name}[{index}]", picture) for index, picture in enumerate(pixels))


def _uint8(name: str, item: Any) -> NDArray[np.uint8]:
    array = _host_array(name, item)
    if array.dtype != np.uint8:
        kind = str(item.dtype).removeprefix("torch.") if _is_torch(item) else array.dtype
        raise InvalidInputError(f"{name} is {kind}, not uint8; {_dtype_cure(name, item, array)}")
    return array


def _is_torch(item: object) -> bool:
    return type(item).__module__.partition(".")[0] == "torch"


def _host_array(name: str, item: Any) -> NDArray[Any]:
    if _is_torch(item):  # NumPy reads no tensor with a gradient, and none of bfloat16
        item = item.detach()
        item = item.float() if str(item.dtype) == "torch.bfloat16" else item
    try:
        array = np.asarray(item) if hasattr(item, "__array__") else np.from_dlpack(item)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise InvalidInputError(
            f"{name} is {_kind(item)} that NumPy cannot read ({_first_line(error)}); give uint8 pixels in host memory, such as "
            f"{name}.cpu() for a torch tensor on a GPU"
        ) from error
    return array


def _dtype_cure(name: str, item: Any, array: NDArray[Any]) -> str:
    """Return the call that would make uint8 pixels of an array."""
    torch = _is_torch(item)
    cast = ".to(torch.uint8)" if torch else ".astype(np.uint8)"
    if array.dtype.kind == "f" or "float" in str(array.dtype):
        low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
        if low < 0:
            return f"its values from {low:.3g} to {high:.3g} look normalised: give the picture from before the normalisation"
        if high <= 1:
            return f"its values are in 0..1: give (255 * {name}).round(){cast}"
        return f"give {name}.round().{'clamp' if torch else 'clip'}(0, 255){cast}"
    if array.dtype == np.uint16:
        return f"give ({name} // 257){cast} of 16-bit samples, or the picture's bytes"
    if array.dtype.kind in "iu":
        return f"give {name}{cast} where its values are in 0..255"
    return f"give a uint8 RGB array of shape {_SHAPES}"


def _with_colours_last(name: str, array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if array.ndim in (3, 4) and array.shape[-1] == 3:
        return array
    if array.ndim in (3, 4) and array.shape[-3] == 3:
        return np.moveaxis(array, -3, -1)
    raise InvalidInputError(f"{name} has the shape {array.shape}; {_shape_cure(name, array)}")


def _shape_cure(name: str, array: NDArray[np.uint8]) -> str:
    """Return the call that would make RGB of an array."""
    if array.ndim == 2:
        return f"a grey picture is given as np.repeat({name}[:, :, None], 3, axis=2)"
    if array.ndim in (3, 4):
        if array.shape[-1] == 4:
            return f"drop the alpha channel: {name}[..., :3]"
        if array.shape[-3] == 4:
            return f"drop the alpha channel: {name}[..., :3, :, :]"
        if array.shape[-1] == 1:
            return f"grey pictures are given as np.repeat({name}, 3, axis=-1)"
        if array.shape[-3] == 1:
            return f"grey pictures are given as np.repeat({name}, 3, axis=-3)"
    return f"give uint8 RGB of shape {_SHAPES}"


def _is_pil(value: object) -> bool:
    image = sys.modules.get("PIL.Image")  # who has a PIL image has imported it
    return image is not None and isinstance(value, image.Image)


def _pil_pixels(name: str, image: Any) -> NDArray[np.uint8]:
    from PIL import ImageOps

    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        raise InvalidInputError(
            f"{name} is a PIL image of mode {image.mode!r}, whose samples have more than 8 bits; give the path or the bytes of "
            "its file, which are scaled to 8 bits"
        )
    return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def _kind(value: object) -> str:
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return "None" if value is None else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
