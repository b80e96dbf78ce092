"""The record of a run beside its table: ``<out>.meta.json``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, TypeAlias

from fiqx_trt.errors import InvalidInputError, OutputError
from fiqx_trt.files import parse_json, read_regular, replacing
from fiqx_trt.rows.schema import Column, Kind
from fiqx_trt.text import shown

__all__ = ["Parameter", "RunMeta", "State", "meta_path", "temporary_path", "utc_now"]

State: TypeAlias = Literal["running", "interrupted", "complete"]
Parameter: TypeAlias = "str | int | float | bool | Sequence[str | int | float] | None"

_SETTINGS = ("version", "model_sha256", "backend", "device", "precision")


@dataclass(frozen=True)
class RunMeta:
    """The settings and the progress of the run that makes a table: enough to repeat the run, and to refuse mixing two.

    The caller gives the fields up to `notes`; the table's writer sets the others.

    Parameters
    ----------
    command_line
        The program's arguments.
    version
        The version of this package.
    model, model_sha256
        Name or path of the model, and the SHA-256 of its weights.
    backend, device, precision
        The ones in use, not the requested ones.
    parameters
        Every other setting that affects results, flat: scalars or short lists of scalars.
    notes
        Remarks for the reader, such as why a backend was not used.
    columns
        The columns of the table.
    state
        ``running``, ``interrupted`` or ``complete``.
    counts
        Rows per status.
    rows, inputs
        Rows and inputs in the table.
    started, finished
        UTC times, ISO 8601; `finished` is ``None`` until then.
    duration_s
        Run time in seconds, added up over resumed runs (without the last part of a killed run).
    resumed
        Number of times the run was continued.
    retry
        Whether the run computes the failed inputs of a complete table again.

    Raises
    ------
    InvalidInputError
        If a setting is no JSON value (a NumPy number, NaN, …).
    """

    command_line: Sequence[str]
    version: str
    model: str
    model_sha256: str
    backend: str
    device: str
    precision: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    notes: Sequence[str] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    columns: Sequence[Column] = ()
    state: State = "running"
    counts: Mapping[str, int] = field(default_factory=dict)
    rows: int = 0
    inputs: int = 0
    started: str = ""
    finished: str | None = None
    duration_s: float = 0.0
    resumed: int = 0
    retry: bool = False

    def __post_init__(self) -> None:
        try:
            self.configuration  # noqa: B018
        except (TypeError, ValueError) as error:
            settings = {name: getattr(self, name) for name in (*_SETTINGS, "parameters")}
            raise InvalidInputError(
                f"a setting is text, a finite number, a boolean or a list of them ({error}): {settings}"
            ) from error

    @property
    def configuration(self) -> dict[str, Any]:
        """The settings that affect results, and the columns, as JSON values."""
        settings: dict[str, Any] = {name: getattr(self, name) for name in _SETTINGS}
        settings["parameters"] = dict(self.parameters)
        settings["columns"] = {column.name: column.kind for column in self.columns}
        plain: dict[str, Any] = json.loads(json.dumps(settings, allow_nan=False))
        return plain

    @property
    def configuration_sha256(self) -> str:
        """SHA-256 of the canonical JSON (sorted keys, no blanks) of `configuration` and the column order."""
        whole = {**self.configuration, "columns": [[c.name, c.kind] for c in self.columns]}
        text = json.dumps(whole, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def differences(self, other: RunMeta) -> list[str]:
        """Return one phrase per setting in which `other`, the new run, differs from this one."""
        before, now = _flat(self.configuration), _flat(other.configuration)
        names = [*before, *(name for name in now if name not in before)]
        return [
            f"{name} was {_value(before, name)}, now {_value(now, name)}"
            for name in names
            if before.get(name, _ABSENT) != now.get(name, _ABSENT)
        ]

    def write(self, path: Path) -> None:
        """Write the record to `path`, replacing an old one atomically."""
        with replacing(path, temporary=temporary_path(path)) as file:
            file.write(self.to_json())

    def to_json(self) -> bytes:
        """Return the record as the text of its file."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values |= {"command_line": list(self.command_line), "notes": list(self.notes)}
        values |= {"columns": {c.name: c.kind for c in self.columns}, "counts": dict(self.counts)}
        values |= {"versions": dict(self.versions)}
        values |= {"parameters": dict(self.parameters), "configuration_sha256": self.configuration_sha256}
        # ASCII, because arguments may hold undecodable bytes, which only \\u escapes carry through JSON
        return (json.dumps(values, indent=1, allow_nan=False) + "\n").encode("ascii")

    @classmethod
    def read(cls, path: Path) -> RunMeta:
        """Read a record; raise OutputError where `path` is missing, not JSON, or not a record."""
        try:
            data = read_regular(path)
        except OSError as error:
            raise OutputError(f"{shown(path)} is no record of a run ({_reason(error)})") from error
        return cls.from_json(data, shown(path))

    @classmethod
    def from_json(cls, data: bytes, name: str) -> RunMeta:
        """Return the record that a text holds; `name` is how messages call its file.

        Raises
        ------
        OutputError
            It is not JSON, or not such a record.
        """
        try:
            values = parse_json(data)
            columns = tuple(Column(name, _kind(kind)) for name, kind in values["columns"].items())
            values = {"versions": {}, **values}  # older records have none
            meta = cls(**{f.name: values[f.name] for f in fields(cls)} | {"columns": columns})
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            OverflowError,
            RecursionError,
        ) as error:
            raise OutputError(f"{name} is no record of a run ({_reason(error)})") from error
        if values.get("configuration_sha256") != meta.configuration_sha256:
            raise OutputError(f"{name} was changed: its configuration_sha256 does not fit its settings")
        return meta


def meta_path(table: Path) -> Path:
    """Return the path of the record of a table.

    Examples
    --------
    >>> meta_path(Path("out/s.csv")).name
    's.csv.meta.json'
    """
    return table.with_name(table.name + ".meta.json")


def temporary_path(record: Path) -> Path:
    """Return the path that a record is written to before it is renamed."""
    return record.with_name(record.name + ".tmp")


def utc_now() -> str:
    """Return the current UTC time, ISO 8601 with seconds."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


_ABSENT = object()


def _kind(kind: str) -> Kind:
    if kind not in ("str", "int", "float"):
        raise ValueError(f"unknown column kind {kind!r}")
    return kind  # type: ignore[return-value]


def _flat(configuration: Mapping[str, Any]) -> dict[str, Any]:
    flat = {name: configuration[name] for name in _SETTINGS}
    flat |= configuration["parameters"]
    # lists compare order; as one value they would make an unreadable message when a single column is added
    flat["columns"] = " ".join(configuration["columns"])
    return flat


def _value(settings: Mapping[str, Any], name: str) -> str:
    return shown(settings[name]) if name in settings else "not set"


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"{type(error).__name__}: {error}"
