"""The record of a run: what was called, which model ran where, and every setting that changes a number."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import platform
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqx_trt.rows import RunMeta
from fiqx_trt.runs.options import CamOptions, FaceOptions, RuntimeOptions

if TYPE_CHECKING:
    from fiqx_trt.models import Model, ModelSpec
    from fiqx_trt.runs.settings import RunSettings

__all__ = ["RanModel", "RunRecord", "python_call", "run_record"]

#: Fields of a model's contract that change a score.
CONTRACT = (
    "input_size",
    "mean",
    "std",
    "color",
    "template",
    "embedding",
    "pre_dropout",
    "alpha",
    "r",
    "estimator",
    "quantiles",
)
#: Further fields that change a map of pixel quality or of activation.
PIXEL_CONTRACT = ("features", "gamma", "gamma_contrast", "gamma_weights")
#: Inputs that the record of a call lists; the table names all of them.
LISTED = 100


@dataclass(frozen=True)
class RanModel:
    """A model's contract and where it ran; valid after the model is closed.

    Parameters
    ----------
    spec
        The model's contract.
    backend, device, precision
        What was used.
    notes
        Why this backend and precision were chosen.
    """

    spec: ModelSpec
    backend: str
    device: str
    precision: str
    notes: Sequence[str]

    @classmethod
    def of(cls, model: Model) -> RanModel:
        """Describe an open model."""
        return cls(model.spec, model.backend, model.device, model.precision, model.notes)

    def summary(self) -> dict[str, Any]:
        """Return the model and where it ran, as JSON values."""
        fields = json.loads(self.spec.to_json())
        return {
            "model": self.spec.name,
            "model_sha256": self.spec.sha256,
            "backend": self.backend,
            "device": self.device,
            "precision": self.precision,
            "contract": {name: fields[name] for name in (*CONTRACT, *PIXEL_CONTRACT)},
        }

    def __str__(self) -> str:
        return f"{self.spec.name} on {self.backend}, {self.device}, {self.precision}"


@dataclass(frozen=True)
class RunRecord:
    """How the result of a command came about: enough to repeat the run.

    Parameters
    ----------
    command_line
        The program and its arguments, the inputs among them; empty where there was none.
    warnings
        What the library warned of. It is read when the page is written, so it may still grow.
    model
        The model that ran, where one did.
    """

    command_line: Sequence[str] = ()
    warnings: Sequence[str] = ()
    model: RanModel | None = None

    @property
    def command(self) -> str:
        """The command as it is typed."""
        return shlex.join(["fiqx-trt", *self.command_line[1:]]) if self.command_line else "called from Python"

    def summary(self) -> dict[str, Any]:
        """Return the record as JSON values: version, command line, and the model with its contract."""
        from fiqx_trt import __version__

        model = {} if self.model is None else self.model.summary()
        return {"version": __version__, "command_line": list(self.command_line), **model}


def run_record(model: RanModel, parameters: Mapping[str, object], call: Sequence[str]) -> RunMeta:
    """Return the record of a run.

    Parameters
    ----------
    model
        The model.
    parameters
        Every setting that changes a number.
    call
        The command line, or the call from Python (:func:`python_call`).
    """
    from fiqx_trt import __version__
    from fiqx_trt.runtime import BACKENDS

    spec = model.spec
    contract: dict[str, object] = {f"model.{name}": getattr(spec, name) for name in CONTRACT}
    if origin := BACKENDS.origin(model.backend):
        contract["backend.package"] = origin
    plain = {name: list(v) if isinstance(v, tuple) else v for name, v in {**contract, **parameters}.items()}
    return RunMeta(
        command_line=call,
        version=__version__,
        model=spec.name,
        model_sha256=spec.sha256,
        backend=model.backend,
        device=model.device,
        precision=model.precision,
        parameters=plain,  # type: ignore[arg-type]
        notes=model.notes,
        versions=_versions(model.backend),
    )


def _versions(backend: str) -> dict[str, str]:
    """Return the versions of Python, NumPy and the library behind a backend, where it is found by that name."""
    versions = {"python": platform.python_version()}
    for name in ("numpy", backend):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def python_call(
    function: str, inputs: Sequence[str | Path], out: str | Path, settings: RunSettings
) -> list[str]:
    """Return a call from Python for the record of a run: function, inputs, output, and arguments that are not the default.

    Examples
    --------
    >>> from fiqx_trt.runs.settings import ScoreSettings
    >>> python_call("fiqx_trt.score_files", ["photos"], "s.csv", ScoreSettings(faces=FaceOptions(aligned=True)))
    ['fiqx_trt.score_files', 'photos', 's.csv', 'aligned=True']
    """
    names = [str(name) for name in inputs[:LISTED]]
    more = [f"… and {len(inputs) - LISTED} more"] if len(inputs) > LISTED else []
    return [function, *names, *more, str(out), *(f"{name}={value!r}" for name, value in _given(settings))]


def _given(settings: Any) -> Iterator[tuple[str, object]]:
    """Yield name and value of each setting that is not the default; those of options are yielded one by one."""
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, (FaceOptions, RuntimeOptions, CamOptions)):
            yield from _given(value)
        elif value != (field.default_factory() if callable(field.default_factory) else field.default):
            yield field.name, str(value) if isinstance(value, Path) else value
