"""Tables of names: what this package knows, as ``module:attribute``, and what other packages add by entry points.

Listing a table imports nothing. An entry of another package that cannot be used is one :class:`fiqx_trt.errors.PluginError`
when its name is given; otherwise only ``fiqx-trt doctor`` reports it.
"""

from __future__ import annotations

import contextlib
import importlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fiqx_trt.errors import FiqxError, InvalidInputError, PluginError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["Extension", "Registry"]


@dataclass(frozen=True)
class Extension:
    """What another package added to a table.

    Attributes
    ----------
    kind, name
        Such as ``"quality method"``, and what it is called there.
    target
        ``module:attribute``, or ``module``.
    distribution, version
        The package that registered it, as ``pip list`` shows it.
    fault
        Why it cannot be used, in one line; empty where nothing is known against it.
    """

    kind: str
    name: str
    target: str
    distribution: str
    version: str
    fault: str = ""

    @property
    def origin(self) -> str:
        """The package with its version."""
        return f"{self.distribution} {self.version}".strip()

    def error(self, fault: str) -> PluginError:
        """Return an error that names the entry and its package."""
        return PluginError(f"the {self.kind} '{self.name}' of {self.origin} cannot be used: {fault}")


class Registry(Mapping[str, str]):
    """A table of names, each with its ``module:attribute``: those of this package first, then those of others, sorted.

    Parameters
    ----------
    kind
        What the names are, in messages: ``"quality method"``.
    group
        The entry-point group in which other packages register theirs.
    builtin
        Name → ``module:attribute`` or ``module``.
    required
        Attributes that everything in the table has.
    reserved
        Names that have a meaning where names of the table are given, and cannot be taken.
    also
        What may be given beside a name, for the message that lists the names.

    Examples
    --------
    >>> table = Registry("number", "numbers.of.nobody", {"pi": "math:pi"})
    >>> list(table), table.load("pi") > 3
    (['pi'], True)
    """

    def __init__(
        self,
        kind: str,
        group: str,
        builtin: Mapping[str, str],
        *,
        required: Sequence[str] = (),
        reserved: Sequence[str] = (),
        also: str = "",
    ) -> None:
        self.kind = kind
        self.group = group
        self.builtin = builtin
        self._required = required
        self._reserved = frozenset(reserved)
        self._also = f" and {also}" if also else ""

    def __getitem__(self, name: str) -> str:
        return self.builtin[name] if name in self.builtin else self._usable()[name].target

    def __iter__(self) -> Iterator[str]:
        yield from self.builtin
        yield from self._usable()

    def __len__(self) -> int:
        return len(self.builtin) + len(self._usable())

    def extensions(self) -> tuple[Extension, ...]:
        """Return what other packages registered, sorted by name; those that cannot have their name carry a fault."""
        from importlib.metadata import entry_points

        registered = [self._extension(point) for point in entry_points(group=self.group)]
        count = Counter(one.name for one in registered)
        marked = [
            one
            if one.fault or count[one.name] == 1
            else replace(one, fault=f"{self._others(one, registered)} registers the same name; uninstall one")
            for one in registered
        ]
        return tuple(sorted(marked, key=lambda one: (one.name, one.origin)))

    def origin(self, name: str) -> str:
        """Return the package and version that a name belongs to; empty for a name of this package, or of nobody."""
        extension = None if name in self.builtin else self._usable().get(name)
        return "" if extension is None else extension.origin

    def load(self, name: str) -> Any:
        """Import what a name stands for.

        Raises
        ------
        InvalidInputError
            There is no such name; the message lists those there are.
        PluginError
            Another package registered it, and it cannot be used.
        """
        if name in self.builtin:
            return _imported(self.builtin[name])
        matching = [one for one in self.extensions() if one.name == name]
        if not matching:
            raise InvalidInputError(
                f"no {self.kind} is called {name!r}; there are {', '.join(sorted(self))}{self._also}"
            )
        return self.load_extension(matching[0])

    def load_extension(self, extension: Extension) -> Any:
        """Import what another package registered.

        Raises
        ------
        PluginError
            It cannot be used: its name is taken, its import fails, or what it names lacks something.
        """
        if extension.fault:
            raise extension.error(extension.fault)
        try:
            loaded = _imported(extension.target)
        except (Exception, SystemExit) as error:  # whatever another package's import raises
            raise extension.error(f"{extension.target}: {_named(error)}") from error
        missing = [attribute for attribute in self._required if not hasattr(loaded, attribute)]
        if missing:
            raise extension.error(f"{extension.target} has no {', '.join(missing)}")
        return loaded

    @contextlib.contextmanager
    def calling(self, name: str) -> Iterator[None]:
        """Turn what an extension raises inside the block into PluginError, except errors of this package.

        Raises
        ------
        PluginError
            The code of another package failed; the message names it and the error.
        """
        try:
            yield
        except (FiqxError, MemoryError):
            raise
        except Exception as error:  # whatever another package raises
            matching = [] if name in self.builtin else [one for one in self.extensions() if one.name == name]
            if not matching:
                raise
            raise matching[0].error(f"it raised {_named(error)}") from error

    def _usable(self) -> dict[str, Extension]:
        return {one.name: one for one in self.extensions() if not one.fault}

    def _extension(self, point: EntryPoint) -> Extension:
        distribution = point.dist.name if point.dist else "an unknown package"
        version = point.dist.version if point.dist else ""
        fault = ""
        if point.name in self.builtin or point.name in self._reserved:
            fault = "fiqx_trt has that name itself; it must register another one"
        elif ":" in point.name or "," in point.name:
            fault = "a name has no colon and no comma"
        return Extension(self.kind, point.name, point.value, distribution, version, fault)

    @staticmethod
    def _others(one: Extension, registered: Sequence[Extension]) -> str:
        """Return the other packages with the same name."""
        others = {other.origin for other in registered if other.name == one.name} - {one.origin}
        return " and ".join(sorted(others)) or "another entry of it"


def _named(error: BaseException) -> str:
    """Return the type and the text of an error in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def _imported(target: str) -> Any:
    """Return the attribute ``module:attribute``, or the module."""
    module, _, attributes = target.partition(":")
    loaded: Any = importlib.import_module(module)
    for attribute in filter(None, attributes.split(".")):
        loaded = getattr(loaded, attribute)
    return loaded
