"""Options that a quality method declares: fields of a dataclass, each with its help and range.

A method with options is a dataclass whose fields are made by :func:`option`; it is built by calling its class with them.
The command line gives them as ``--option METHOD.NAME=VALUE``, Python as ``options={"METHOD": {"NAME": value}}``.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fiqx_trt.errors import InvalidInputError

__all__ = ["Option", "check_options", "checked_values", "declared_options", "option", "option_values"]

Kind = type[bool] | type[int] | type[float] | type[str] | type[Path]
_KEY = "fiqx_trt.option"
_WORDS: Mapping[Kind, str] = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "text",
    Path: "a file",
}


@dataclass(frozen=True)
class Option:
    """One option of a quality method; see :func:`option`."""

    kind: Kind
    default: object
    help: str
    low: float | None = None
    high: float | None = None
    open: bool = False
    choices: tuple[str, ...] = ()
    name: str = ""

    @property
    def wanted(self) -> str:
        """The values it takes, in words."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        word = _WORDS[self.kind]
        if self.low is None and self.high is None:
            return word
        if self.high is None:
            return f"{word} {'above' if self.open else 'of at least'} {self.low}"
        if self.low is None:
            return f"{word} {'below' if self.open else 'of at most'} {self.high}"
        both = (
            f"between {self.low} and {self.high}, both excluded"
            if self.open
            else f"from {self.low} to {self.high}"
        )
        return f"{word} {both}"

    def __str__(self) -> str:
        """Return its name, what it takes and its default."""
        default = "" if self.default is None else f"; default {self.default}"
        return f"{self.name} ({self.wanted}{default})"

    def parsed(self, text: str) -> object:
        """Return the value that a text of the command line stands for; the text itself where it stands for none."""
        if self.kind is bool:
            return {"true": True, "false": False}.get(text.lower(), text)
        try:
            return self.kind(text)
        except ValueError:
            return text

    def checked(self, value: object) -> object:
        """Return a value as the option's type.

        Raises
        ------
        InvalidInputError
            It is of another type, or out of range; the message says what is wanted.
        """
        if value is None and self.default is None:
            return None
        converted = self._converted(value)
        if converted is None or not self._allows(converted):
            raise InvalidInputError(
                f"{self.name} is {value!r}; {'choose' if self.choices else 'give'} {self.wanted}"
            )
        return converted

    def _converted(self, value: object) -> object:
        """Return a value as the option's type, None where it has another one."""
        if isinstance(value, bool) or self.kind is bool:
            return value if isinstance(value, bool) and self.kind is bool else None
        if self.kind is float:
            return float(value) if isinstance(value, numbers.Real) else None
        if self.kind is int:
            return int(value) if isinstance(value, numbers.Integral) else None
        if self.kind is Path:
            return Path(value) if isinstance(value, (str, Path)) else None
        return value if isinstance(value, str) else None

    def _allows(self, value: Any) -> bool:
        if self.choices:
            return value in self.choices
        if self.kind not in (int, float):
            return True
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        return math.isfinite(value) and (low < value < high if self.open else low <= value <= high)


def option(
    default: Any,
    *,
    help: str,
    kind: Kind | None = None,
    low: float | None = None,
    high: float | None = None,
    open: bool = False,
    choices: Sequence[str] = (),
) -> Any:
    """Declare an option of a quality method, as a field of its dataclass.

    Parameters
    ----------
    default
        The value where none is given; ``None`` leaves it to the method.
    help
        What it does, in one sentence, with its unit.
    kind
        ``bool``, ``int``, ``float``, ``str`` or ``Path``; needed where the default is ``None``.
    low, high
        The range of a number.
    open
        Whether `low` and `high` themselves are excluded.
    choices
        The texts that are allowed.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Sharpness:
    ...     sigma: float = option(1.0, help="Width of the Gaussian, in pixels.", low=0.5, high=10)
    >>> print(*declared_options(Sharpness))
    sigma (a number from 0.5 to 10; default 1.0)
    """
    chosen: Kind = type(default) if kind is None else kind
    if chosen not in _WORDS:
        raise TypeError(f"an option is a {chosen.__name__}; give kind= one of bool, int, float, str, Path")
    declared = Option(chosen, default, help, low, high, open, tuple(choices))
    return dataclasses.field(default=default, metadata={_KEY: declared})


def declared_options(method: object) -> tuple[Option, ...]:
    """Return the options that a method, or its class, declares."""
    if not dataclasses.is_dataclass(method):
        return ()
    return tuple(
        dataclasses.replace(field.metadata[_KEY], name=field.name)
        for field in dataclasses.fields(method)
        if _KEY in field.metadata
    )


def check_options(method: Any) -> None:
    """Check the options of a method that was just built, for its ``__post_init__``.

    Raises
    ------
    InvalidInputError
        One is of another type, or out of range.
    """
    for declared in declared_options(method):
        declared.checked(getattr(method, declared.name))


def checked_values(
    name: str, method: object, values: Mapping[str, object], *, parse: bool = False
) -> dict[str, object]:
    """Return the values of a method's options, checked.

    Parameters
    ----------
    name, method
        What the method is called, and its class.
    values
        Option → value.
    parse
        Whether texts stand for values, as on the command line.

    Raises
    ------
    InvalidInputError
        The method has no such option, or a value is of another type or out of range; the message lists what there is.
    """
    declared = {one.name: one for one in declared_options(method)}
    listed = (
        f"the options of {name} are {', '.join(map(str, declared.values()))}"
        if declared
        else f"{name} has no options"
    )
    checked: dict[str, object] = {}
    for key, value in values.items():
        if key not in declared:
            raise InvalidInputError(f"{name} has no option {key!r}; {listed}")
        if parse and isinstance(value, str):
            value = declared[key].parsed(value)
        try:
            checked[key] = declared[key].checked(value)
        except InvalidInputError as error:
            raise InvalidInputError(
                f"{name}.{error} (--option {name}.{key}=VALUE; in Python: options={{{name!r}: {{{key!r}: …}}}})"
            ) from None
    return checked


def option_values(method: Any) -> dict[str, object]:
    """Return the options of a built method that have a value, as ``METHOD.OPTION`` → value, for the record of a table."""
    values = {f"{method.name}.{one.name}": getattr(method, one.name) for one in declared_options(method)}
    return {
        key: str(value) if isinstance(value, Path) else value
        for key, value in values.items()
        if value is not None
    }
