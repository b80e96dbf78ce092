"""Read the options that hold fields of a model's contract as text."""

from __future__ import annotations

from collections.abc import Sequence

from fiqx_trt.errors import InvalidInputError

__all__ = ["parse_input_size", "parse_numbers", "parse_taps"]

TAPS = ("image", "embedding", "pre_dropout", "features")


def parse_numbers(text: str | None, option: str) -> tuple[float, ...] | float | None:
    """Read one number or three, ``None`` as ``None``.

    Raises
    ------
    InvalidInputError
        It is not one or three numbers.

    Examples
    --------
    >>> parse_numbers("127.5", "--mean"), parse_numbers("123.7,116.3,103.5", "--mean")
    (127.5, (123.7, 116.3, 103.5))
    """
    if text is None:
        return None
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) not in (1, 3):
        raise InvalidInputError(f"{option} is {text!r}; give one number, or three with commas between")
    return values[0] if len(values) == 1 else values


def parse_input_size(text: str | None) -> tuple[int, int] | None:
    """Read height and width, or one number for a square; ``None`` as ``None``.

    Raises
    ------
    InvalidInputError
        It is not one or two whole numbers above 0.

    Examples
    --------
    >>> parse_input_size("112x96"), parse_input_size("112")
    ((112, 96), (112, 112))
    """
    if text is None:
        return None
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) > 2 or not all(part.isascii() and part.isdecimal() and int(part) for part in parts):
        raise InvalidInputError(f"--input-size is {text!r}; give height and width in pixels, such as 112x96")
    return int(parts[0]), int(parts[-1])


def parse_taps(texts: Sequence[str]) -> dict[str, str]:
    """Read names of tensors, ``WHICH=NAME`` each.

    Raises
    ------
    InvalidInputError
        A text has another form, or a tap comes twice.

    Examples
    --------
    >>> parse_taps(["embedding=fc1"])
    {'embedding': 'fc1'}
    """
    taps: dict[str, str] = {}
    for text in texts:
        which, equals, name = text.partition("=")
        if which not in TAPS or not equals or not name or which in taps:
            raise InvalidInputError(
                f"--tap is {text!r}; give each of {', '.join(TAPS)} once at most, as WHICH=NAME (`fiqx-trt model inspect` "
                "prints what was found)"
            )
        taps[which] = name
    return taps
