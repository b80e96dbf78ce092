"""Groups of options: a command names a group as one parameter, and the command line shows its options one by one.

::

    @dataclass(frozen=True, kw_only=True)
    class RuntimeGroup:
        backend: Backend = "auto"        # Annotated[str, typer.Option(...)]
        threads: Threads = None

    def score(out: OutTable, *, runtime: RuntimeGroup) -> None:
        open_model(runtime.backend, runtime.threads)

    app.command()(expand_groups(score))  # score --out FILE --backend NAME --threads N
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, TypeVar

from typer.models import ParameterInfo

__all__ = ["expand_groups"]

T = TypeVar("T")


def expand_groups(command: Callable[..., T]) -> Callable[..., T]:
    """Replace each parameter that is annotated with a dataclass by one parameter per field.

    The dataclass is built from the values of its fields when the command is called. A field becomes a parameter where it
    is annotated with a typer option or argument; the others keep their defaults. All parameters of the result are
    keyword-only. A group's position among the parameters decides where its options stand in ``--help``.

    Parameters
    ----------
    command
        A function whose annotations can be evaluated in its module.

    Raises
    ------
    TypeError
        Two groups, or a group and a parameter, have a field of the same name.
    """
    hints = typing.get_type_hints(command, include_extras=True)
    groups: dict[str, dict[str, inspect.Parameter]] = {}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        if dataclasses.is_dataclass(hints[name]):
            groups[name] = {option.name: option for option in _options_of(hints[name])}
            parameters += groups[name].values()
        else:
            parameters.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))
    _refuse_same_names(command, parameters)

    @functools.wraps(command)
    def run(**values: Any) -> T:
        for name, options in groups.items():
            values[name] = hints[name](**{option: values.pop(option) for option in options})
        return command(**values)

    expanded: Any = run
    expanded.__signature__ = inspect.Signature(parameters, return_annotation=hints.get("return"))
    expanded.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


@functools.cache
def _options_of(group: Any) -> tuple[inspect.Parameter, ...]:
    """Return one parameter per field of a group that the command line shows."""
    return tuple(_each_option(group))


def _each_option(group: Any) -> Iterator[inspect.Parameter]:
    hints: Mapping[str, Any] = typing.get_type_hints(group, include_extras=True)
    for field in dataclasses.fields(group):
        if _is_option(hints[field.name]):
            default = inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
            yield inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=default,
                annotation=hints[field.name],
            )


def _is_option(hint: Any) -> bool:
    return typing.get_origin(hint) is Annotated and any(
        isinstance(extra, ParameterInfo) for extra in hint.__metadata__
    )


def _refuse_same_names(command: Callable[..., Any], parameters: list[inspect.Parameter]) -> None:
    names = [parameter.name for parameter in parameters]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TypeError(f"{command.__name__} has more than one option called {', '.join(twice)}")
