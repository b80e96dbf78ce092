"""Open a model by name or by file."""

from __future__ import annotations

import difflib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqx_trt.errors import ModelError, OutputError
from fiqx_trt.faces.storage import is_url
from fiqx_trt.files import write_atomic
from fiqx_trt.models.infer import infer_spec
from fiqx_trt.models.known import entry_fields, known_file
from fiqx_trt.models.model import Model
from fiqx_trt.models.sessions import RuntimeChoice
from fiqx_trt.models.spec import ModelSpec, read_sidecar, sidecar_path, sidecar_text
from fiqx_trt.models.stored import refuse_stored, stored_model
from fiqx_trt.onnx_export.graphs.input_size import fix_input_size, with_batch_of_one
from fiqx_trt.onnx_export.graphs.reading import fold_shapes, read_hashed, refuse_quantised
from fiqx_trt.onnx_export.graphs.tokens import with_token_map
from fiqx_trt.zoo import DEFAULT_MODEL, known, models

if TYPE_CHECKING:
    import onnx

__all__ = ["guess_message", "load_graph", "load_model", "load_spec", "state_fields", "update_sidecar"]

logger = logging.getLogger(__name__)
#: The scales of pixel quality that a calibration measures, for one weighting.
MEASURED_PIXELS = ("gamma", "gamma_contrast", "gamma_weights")


def load_model(
    model: str | Path = DEFAULT_MODEL,
    *,
    backend: str = "auto",
    precision: str = "auto",
    device: str = "auto",
    max_batch: int | None = None,
    threads: int | None = None,
    input_size: tuple[int, int] | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    color: str | None = None,
    template: str | None = None,
    image: str | None = None,
    embedding: str | None = None,
    pre_dropout: str | None = None,
    features: str | None = None,
    alpha: float | None = None,
    r: float | None = None,
    gamma: float | None = None,
    gamma_contrast: float | None = None,
) -> Model:
    """Open a recognition model.

    Parameters
    ----------
    model
        Name of a known model (:func:`fiqx_trt.zoo.models`), which is fetched at its first use, or an ONNX or
        TensorFlow Lite file, also one in an object store (``s3://…``), which is copied to the cache. A sidecar of the same
        name with the suffix ``.json`` is read.
    backend, precision, device
        ``"auto"`` or a name, see :func:`fiqx_trt.runtime.open_session`. A named one that is not available is an error.
    max_batch, threads
        Rows per run and threads; ``None``: the backend's choice. They do not affect results.
    input_size, mean, std, color, template
        Fields of the :class:`ModelSpec` that replace the sidecar's and the inferred ones. A single ``mean`` or ``std``
        is used for every channel.
    image, embedding, pre_dropout, features
        Names of tensors in the graph, where the inferred taps are not the wanted ones.
    alpha, r, gamma, gamma_contrast
        Calibration. With an ``alpha`` or ``r`` given here, qualities of any estimator are scaled, and there are no percentiles.
        With a ``gamma`` or ``gamma_contrast`` given here, no other number of pixel quality is taken from the sidecar.

    Returns
    -------
    Model
        An open model; close it, or use it in a ``with`` statement.

    Raises
    ------
    ModelError
        The file is not an ONNX recognition network.
    BackendUnavailableError
        A named backend, precision or device is not available.
    ModelUnavailableError
        A known model is not on this machine and cannot be fetched.
    LicenceError
        A known model's licence must be accepted first.
    DependencyError
        The weights of a built-in model are not installed.
    """
    overrides = {
        "input_size": input_size,
        "mean": mean,
        "std": std,
        "color": color,
        "template": template,
        "image": image,
        "embedding": embedding,
        "pre_dropout": pre_dropout,
        "features": features,
        "alpha": alpha,
        "r": r,
        "gamma": gamma,
        "gamma_contrast": gamma_contrast,
    }
    spec, _, graph = _resolve(model, {name: value for name, value in overrides.items() if value is not None})
    if spec.guesses:
        logger.warning("%s", guess_message(spec))
    return Model(spec, graph, RuntimeChoice(backend, precision, device, max_batch, threads))


def load_spec(model: str | Path, overrides: Mapping[str, Any] | None = None) -> tuple[ModelSpec, Path | None]:
    """Return the complete contract of a model and its ONNX file, without opening a session.

    The path is None for a known model that cannot be kept in the cache. The fields in ``given`` override all others.
    """
    return load_graph(model, overrides)[:2]


def update_sidecar(model: str | Path, overrides: Mapping[str, Any], measured: Mapping[str, Any]) -> Path:
    """Write measured fields to a model's sidecar and return its path.

    Measurements are valid for the contract they were made with, so the sidecar states that contract, including guessed fields.
    ``model`` and ``given`` are those of :func:`load_spec`.

    Raises
    ------
    OutputError
        The model has no file to keep a sidecar beside, or the sidecar cannot be written.
    """
    spec, path = load_spec(model, overrides)
    sidecar = _write_sidecar(model, path, spec.replace(**measured, guesses=()).to_json())
    if spec.guesses:
        logger.warning("%s states %s, which were guessed: check them", sidecar.name, ", ".join(spec.guesses))
    return sidecar


def state_fields(model: str | Path, overrides: Mapping[str, Any]) -> Path:
    """Write the given fields of a model's contract to its sidecar and return its path; other guessed fields stay open.

    Raises
    ------
    ModelError, InvalidInputError
        The model cannot have such a contract.
    OutputError
        As in :func:`update_sidecar`.
    """
    spec, path = load_spec(model, overrides)
    complete = json.loads(spec.to_json())
    sidecar = None if path is None else sidecar_path(path)
    kept = _stated(json.loads(sidecar.read_text(encoding="utf-8"))) if sidecar and sidecar.is_file() else {}
    fields = {**kept, **{name: complete[name] for name in overrides}}
    return _write_sidecar(model, path, sidecar_text(fields))


def _write_sidecar(model: str | Path, path: Path | None, text: str) -> Path:
    refuse_stored(model)
    if path is None:
        raise OutputError(
            f"{model} has no file to keep a sidecar beside (the cache folder cannot be used): write one with "
            f"`fiqx-trt model export {model} --out FILE.onnx` and use that"
        )
    sidecar = sidecar_path(path)
    try:
        write_atomic(sidecar, text.encode())
    except OSError as error:
        raise OutputError(f"cannot write the sidecar {sidecar}: {error.strerror or error}") from error
    return sidecar


def load_graph(
    model: str | Path, overrides: Mapping[str, Any] | None = None
) -> tuple[ModelSpec, Path | None, onnx.ModelProto]:
    """Return the contract, the file (see :func:`load_spec`) and the network."""
    return _resolve(model, overrides or {})


def _resolve(
    model: str | Path, overrides: Mapping[str, Any]
) -> tuple[ModelSpec, Path | None, onnx.ModelProto]:
    source, path, fields = _find(model)
    if path is not None and sidecar_path(path).is_file():
        fields = {**fields, **_stated(read_sidecar(sidecar_path(path)))}
    if (
        "gamma" in overrides or "gamma_contrast" in overrides
    ):  # a γ of the user's own: its weighting is not known
        fields = {name: v for name, v in fields.items() if name not in MEASURED_PIXELS}
    if "alpha" in overrides or "r" in overrides:  # a scale of the user's own: no estimator is known of it
        fields = {name: v for name, v in fields.items() if name not in ("estimator", "quantiles")}
    fields.update(overrides)
    graph, sha256 = read_hashed(source)
    refuse_quantised(graph)
    graph = fix_input_size(graph, fields.get("input_size"), image=fields.get("image") or None)
    fold_shapes(graph)  # once more: heights and widths that were free are known now
    graph = with_token_map(graph, embedding=fields.get("embedding") or None)
    spec, graph = _inferred(graph, fields, path or Path(model), sha256)
    return spec, path, graph


def _inferred(
    graph: onnx.ModelProto, fields: dict[str, Any], path: Path, sha256: str
) -> tuple[ModelSpec, onnx.ModelProto]:
    """Return the contract and the network; a network with a free batch that reshapes to one row gets its batch of one back."""
    try:
        return infer_spec(graph, fields, path=path, sha256=sha256), graph
    except ModelError as error:
        single = with_batch_of_one(graph)
        if single is None:
            raise
        try:
            return infer_spec(single, fields, path=path, sha256=sha256), single
        except ModelError:
            raise error from None


def _find(model: str | Path) -> tuple[bytes | Path, Path | None, dict[str, Any]]:
    """Return a model's file, or the bytes of a known one, its path, and the fields in the table."""
    entry = known(str(model))
    if entry is not None:
        fields = entry_fields(entry)
        return *known_file(entry), fields
    if is_url(str(model)):
        path = stored_model(str(model))
        return path, path, {}
    path = Path(model)
    if not path.is_file():
        near = difflib.get_close_matches(str(model), models(), n=3, cutoff=0.5)
        hint = f"; known names like it: {', '.join(near)}" if near else ""
        raise ModelError(
            f"no model {str(model)!r}: neither a file nor a known model{hint}. Give the path of an ONNX or TensorFlow "
            "Lite file, or a name that `fiqx-trt model list` prints"
        )
    return path, path, {}


def guess_message(spec: ModelSpec) -> str:
    """Return one line that lists what was guessed about a model and how to state it."""
    fields = ", ".join(f"{name} = {_shown(getattr(spec, name))}" for name in spec.guesses)
    why = f" ({spec.scaling})" if spec.scaling else ""
    options = " ".join(f"--{name}" for name in spec.guesses)
    return (
        f"{spec.name}: guessed {fields}{why}. Wrong normalisation gives plausible but wrong scores: state them with {options}, "
        "or as fields of its sidecar"
    )


def _shown(value: object) -> str:
    if not isinstance(value, tuple):
        return str(value)
    return f"{value[0]:g}" if len(set(value)) == 1 else ",".join(f"{v:g}" for v in value)


def _stated(sidecar: dict[str, Any]) -> dict[str, Any]:
    """Drop the entries of a sidecar that state nothing: guesses, the hash, and empty fields."""
    guesses = sidecar.get("guesses", ())
    return {
        k: v for k, v in sidecar.items() if k not in (*guesses, "guesses", "sha256") and v not in ("", None)
    }
