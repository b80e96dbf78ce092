"""Read pickles of plain values without executing them.

A pickle is a program: loading one imports modules and calls functions. Nothing of that happens here. The
opcodes are decoded by :mod:`pickletools` (which never executes them) and interpreted on a stack of plain
values: dictionaries with text keys, lists, tuples, numbers, text and bytes. Names of importable things become
inert markers. The only supported calls are those with which NumPy writes a scalar or an array; they are
evaluated here on bytes. Every other opcode, name or call raises an error.
"""

# ruff: noqa: D102 -- the methods of the machine are opcodes, which pickletools describes
from __future__ import annotations

import io
import pickletools
import re
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import SourceError

__all__ = ["Dtype", "Machine", "Name", "read_pickle", "run_pickle"]

DTYPE = re.compile(r"[<>|=]?([fiu][1248]|b1)")
#: Nested containers deeper than this are no score table.
DEPTH = 8
#: What a name in the pickle means here.
NAMES = {
    ("numpy", "dtype"): "dtype",
    ("numpy", "ndarray"): "ndarray",
    ("collections", "OrderedDict"): "dict",
    ("_codecs", "encode"): "encode",
    **{
        (f"numpy.{core}.multiarray", name): kind
        for core in ("core", "_core")
        for name, kind in (("scalar", "scalar"), ("_reconstruct", "array"))
    },
    **{(f"numpy.{core}.numeric", "_frombuffer"): "frombuffer" for core in ("core", "_core")},
}


@dataclass
class Name:
    """A marker for an importable thing."""

    kind: str


@dataclass
class Dtype:
    """The dtype of a NumPy number; its state adds the byte order."""

    code: str
    order: str = "<"

    def numpy(self) -> np.dtype[Any]:
        return np.dtype(self.order + self.code)


@dataclass
class _Array:
    """A NumPy array, empty until its state is set."""

    values: NDArray[Any] | None = field(default=None)


class _Mark:
    """The start of a group of values on the stack."""


MARK = _Mark()


def read_pickle(data: bytes, *, name: str, raw_bytes: bool = False) -> object:
    """Return the plain value that a pickle describes.

    Parameters
    ----------
    data
        The bytes of the pickle, protocol 0 to 5.
    name
        Name in messages.
    raw_bytes
        Return arrays of uint8 as bytes, for arrays that hold files.

    Returns
    -------
    object
        dict (text keys), list, tuple, str, bytes, int, float, bool or None. NumPy scalars become numbers,
        arrays lists.

    Raises
    ------
    SourceError
        It is no pickle, or holds another type; the message names the byte.
    """
    machine = Machine(raw_bytes)
    run_pickle(machine, io.BytesIO(data), name=name)
    return machine.result


def run_pickle(machine: Machine, stream: io.BytesIO, *, name: str) -> None:
    """Execute the opcodes of a pickle with a machine, each before the next is read; SourceError as in :func:`read_pickle`."""
    position = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that a damaged text holds
            for opcode, argument, at in pickletools.genops(stream):
                position = at or 0
                machine.step(opcode.name, argument)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error) as error:
        raise SourceError(f"{name}, byte {position}: {error}") from error


class Machine:
    """The stack and the memo; subclasses for other formats define other names and states."""

    def __init__(self, raw_bytes: bool = False) -> None:
        self._raw_bytes = raw_bytes
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._steps = 0
        self.result: object = None

    def step(self, name: str, argument: Any) -> None:
        """Execute one opcode."""
        self._steps += 1
        if name in VALUES:
            self._stack.append(argument)
        elif name in CONSTANTS:
            self._stack.append(CONSTANTS[name])
        elif name in ACTIONS:
            ACTIONS[name](self, argument)
        elif name not in IGNORED:
            raise ValueError(
                f"the operation {name} does not belong to a table of numbers; the file is refused"
            )

    def stop(self, _: Any) -> None:
        self.result = _Plain(self._steps, self._raw_bytes)(self.pop())

    def mark(self, _: Any) -> None:
        self._stack.append(MARK)

    def empty_dict(self, _: Any) -> None:
        self._stack.append({})

    def empty_list(self, _: Any) -> None:
        self._stack.append([])

    def get(self, key: Any) -> None:
        self._stack.append(self._memo[int(key)])

    def put(self, key: Any) -> None:
        self._memo[int(key)] = self._stack[-1]

    def memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def dictionary(self, _: Any) -> None:
        items = self._group()
        self._stack.append({})
        self._set(items)

    def set_items(self, _: Any) -> None:
        self._set(self._group())

    def set_item(self, _: Any) -> None:
        value, key = self.pop(), self.pop()
        self._set([key, value])

    def list_of(self, _: Any) -> None:
        self._stack.append(self._group())

    def appends(self, _: Any) -> None:
        self._extend(self._group())

    def append(self, _: Any) -> None:
        self._extend([self.pop()])

    def tuple_of(self, _: Any) -> None:
        self._stack.append(tuple(self._group()))

    def tuple_n(self, count: int) -> None:
        items = [self.pop() for _ in range(count)]
        self._stack.append(tuple(reversed(items)))

    def name(self, argument: Any) -> None:
        module, _, attribute = str(argument).partition(" ")
        self._stack.append(Name(self.kind(module, attribute)))

    def stack_name(self, _: Any) -> None:
        attribute, module = self.pop(), self.pop()
        self._stack.append(Name(self.kind(module, attribute)))

    def call(self, _: Any) -> None:
        arguments, target = self.pop(), self.pop()
        if not (isinstance(target, Name) and isinstance(arguments, tuple)):
            raise ValueError("a call of something that is no known name; the file is refused")
        self._stack.append(CALLS[target.kind](*arguments))

    def build(self, _: Any) -> None:
        state = self.pop()
        self.set_state(self._stack[-1], state)

    def set_state(self, target: object, state: object) -> None:
        """Complete an object."""
        if (
            isinstance(target, Dtype)
            and isinstance(state, tuple)
            and len(state) >= 2
            and state[1] in ("<", ">", "|")
        ):
            target.order = state[1]
        elif isinstance(target, _Array) and isinstance(state, tuple) and len(state) == 5:
            target.values = _array(state[2], state[4])
        else:
            raise ValueError("the state of an unknown object; the file is refused")

    def kind(self, module: object, attribute: object) -> str:
        """Return the meaning of a name."""
        kind = NAMES.get((str(module), str(attribute)))
        if kind is None:
            raise ValueError(
                f"it asks for {module}.{attribute}, which is no NumPy number; the file is refused"
            )
        return kind

    def push(self, value: object) -> None:
        """Put a value on the stack."""
        self._stack.append(value)

    def pop(self) -> Any:
        """Take a value from the stack."""
        value = self._stack.pop()
        if value is MARK:
            raise ValueError("the stack of the pickle does not add up")
        return value

    def _group(self) -> list[Any]:
        at = len(self._stack) - 1
        while self._stack[at] is not MARK:
            if at == 0:
                raise ValueError("the stack of the pickle does not add up")
            at -= 1
        items = self._stack[at + 1 :]
        del self._stack[at:]
        return items

    def _set(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, dict) or len(items) % 2:
            raise ValueError("items are set on something that is no dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str):
                raise ValueError(f"a key is of type {type(key).__name__}; a path was expected")
            if key in target:
                raise ValueError(f"the key {key!r} stands twice")
            target[key] = value

    def _extend(self, items: list[Any]) -> None:
        if not isinstance(self._stack[-1], list):
            raise ValueError("items are appended to something that is no list")
        self._stack[-1].extend(items)


class _Plain:
    """Converts the machine's values to plain values; refuses markers, cycles and exponential sharing."""

    def __init__(self, budget: int, raw_bytes: bool) -> None:
        self._budget, self._raw_bytes = budget, raw_bytes

    def __call__(self, value: Any, depth: int = 0) -> Any:
        self._budget -= 1
        if depth > DEPTH or self._budget < 0:
            raise ValueError(
                f"containers are nested more than {DEPTH} deep, or contain each other many times over"
            )
        if isinstance(value, dict):
            return {key: self(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self(item, depth + 1) for item in value)
        if isinstance(value, _Array) and value.values is not None:
            if self._raw_bytes and value.values.dtype == np.uint8:
                return value.values.tobytes()
            return [float(number) for number in value.values]
        if value is None or isinstance(value, bool | int | float | str | bytes | bytearray):
            return value
        raise ValueError(
            f"it holds a bare {type(value).__name__.strip('_').lower()} where a number was expected"
        )


def _array(dtype: object, data: object) -> NDArray[Any]:
    if not (isinstance(dtype, Dtype) and isinstance(data, bytes)):
        raise ValueError("a NumPy value that is no number")
    return np.frombuffer(data, dtype.numpy())


def _scalar(dtype: object, data: object) -> float:
    values = _array(dtype, data)
    if len(values) != 1:
        raise ValueError(f"a NumPy scalar of {len(values)} numbers")
    return float(values[0])


def _dtype(code: object, *_: object) -> Dtype:
    if not (isinstance(code, str) and DTYPE.fullmatch(code)):
        raise ValueError(f"a NumPy type {code!r}, which is no number")
    return Dtype(code.lstrip("<>|="))


def _reconstruct(kind: object, *_: object) -> _Array:
    if not (isinstance(kind, Name) and kind.kind == "ndarray"):
        raise ValueError("a NumPy object that is no array")
    return _Array()


def _frombuffer(data: object, dtype: object, *_: object) -> _Array:
    return _Array(_array(dtype, bytes(data) if isinstance(data, bytearray) else data))


def _encode(text: object, coding: object = "latin1") -> bytes:
    if not (isinstance(text, str) and coding == "latin1"):
        raise ValueError("bytes in an unknown coding")
    return text.encode("latin1")


def _dict(*arguments: object) -> dict[str, Any]:
    if arguments:
        raise ValueError("a dictionary made from something else")
    return {}


def _refuse(*_: object) -> object:
    raise ValueError("a call of numpy.ndarray; the file is refused")


CALLS: dict[str, Callable[..., object]] = {
    "dtype": _dtype,
    "ndarray": _refuse,
    "dict": _dict,
    "encode": _encode,
    "scalar": _scalar,
    "array": _reconstruct,
    "frombuffer": _frombuffer,
}
IGNORED = frozenset({"PROTO", "FRAME"})
# fmt: off
VALUES = frozenset({
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING",
    "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES",
    "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
})
# fmt: on
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
ACTIONS: dict[str, Callable[[Machine, Any], None]] = {
    "STOP": lambda machine, argument: machine.stop(argument),
    "MARK": Machine.mark,
    "EMPTY_DICT": Machine.empty_dict,
    "EMPTY_LIST": Machine.empty_list,
    "GET": Machine.get,
    "BINGET": Machine.get,
    "LONG_BINGET": Machine.get,
    "PUT": Machine.put,
    "BINPUT": Machine.put,
    "LONG_BINPUT": Machine.put,
    "MEMOIZE": Machine.memoize,
    "DICT": Machine.dictionary,
    "SETITEMS": Machine.set_items,
    "SETITEM": Machine.set_item,
    "LIST": Machine.list_of,
    "APPENDS": Machine.appends,
    "APPEND": Machine.append,
    "TUPLE": Machine.tuple_of,
    "TUPLE1": lambda machine, _: machine.tuple_n(1),
    "TUPLE2": lambda machine, _: machine.tuple_n(2),
    "TUPLE3": lambda machine, _: machine.tuple_n(3),
    "GLOBAL": Machine.name,
    "STACK_GLOBAL": Machine.stack_name,
    "REDUCE": Machine.call,
    "BUILD": Machine.build,
}
