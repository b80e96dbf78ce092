"""What a quality method is, and the table of those this package knows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError, PluginError
from fiqx_trt.quality.options import checked_values, declared_options, option_values
from fiqx_trt.registry import Registry

if TYPE_CHECKING:
    from fiqx_trt.models.model import Extracted, Model

__all__ = [
    "METHODS",
    "MethodOptions",
    "OptionsByMethod",
    "Quality",
    "QualityMethod",
    "create_method",
    "create_methods",
    "method_names",
    "method_parameters",
    "parse_options",
    "scaled_column",
]

#: Name → ``module:class``.
METHODS = Registry(
    "quality method",
    "fiqx_trt.quality",
    {
        "brisque": "fiqx_trt.quality.brisque:Brisque",
        "flip": "fiqx_trt.quality.flip:Flip",
        "gradient": "fiqx_trt.quality.gradient:Gradient",
        "magface": "fiqx_trt.quality.magface:MagFace",
        "serfiq": "fiqx_trt.quality.serfiq:SerFiq",
    },
    required=("higher_is_better",),
    reserved=("onnx",),
    also="onnx:FILE or onnx:NAME",
)


@dataclass(frozen=True)
class Quality:
    """The quality of N faces.

    Parameters
    ----------
    raw
        ``(N,)`` float64, the method's own number; NaN where it is not defined.
    scaled
        ``(N,)`` float64 in [0, 1], comparable to a human eye (Terhörst et al., Eq. 2); ``None`` where the method has no
        scaling or the model is not calibrated.
    percentile
        ``(N,)`` float64 in [0, 100]: the share of the calibration faces that are not better; ``None`` where they were
        not measured.
    """

    raw: NDArray[np.float64]
    scaled: NDArray[np.float64] | None = None
    percentile: NDArray[np.float64] | None = None

    @property
    def hundred(self) -> NDArray[np.int64] | None:
        """``(N,)`` integers from 0 to 100, higher is better, as ISO/IEC 29794-1 wants them: 100 Q̂, rounded (-1: no number)."""
        if self.scaled is None:
            return None
        whole = np.isfinite(self.scaled)
        return np.where(whole, np.rint(100.0 * np.where(whole, self.scaled, 0.0)), -1).astype(np.int64)


@dataclass(frozen=True)
class MethodOptions:
    """The options of SER-FIQ, which other methods do not read.

    Options of any method are given as ``{"METHOD": {"OPTION": value}}`` (:func:`create_methods`).

    Parameters
    ----------
    passes
        Number m of stochastic passes of the estimator ``"sampled"``; ``None``: 100.
    dropout
        Probability p that a unit is dropped, in (0, 1); of both estimators.
    seed
        Seed of the dropout masks of the estimator ``"sampled"``; ``None``: 0.
    estimator
        ``"closed-form"`` or ``"sampled"``.
    distance
        ``"pairs"``: mean over the m(m-1)/2 pairs; ``"paper"``: the factor 2/m² as printed in Terhörst et al., Eq. 1.
    """

    passes: int | None = None
    dropout: float = 0.5
    seed: int | None = None
    estimator: str = "closed-form"
    distance: str = "pairs"


#: Options of several methods: method → option → value, or those of SER-FIQ alone.
OptionsByMethod: TypeAlias = MethodOptions | Mapping[str, Mapping[str, object]]


class QualityMethod(Protocol):
    """A face-image quality method: faces in, one number each out."""

    @property
    def name(self) -> str:
        """What it is called, its first column."""
        ...

    @property
    def higher_is_better(self) -> bool:
        """Direction of its quality."""
        ...

    @property
    def needs_model(self) -> bool:
        """Whether it reads what a recognition model extracts."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns in a table of scores, the raw quality first."""
        ...

    @property
    def parameters(self) -> Mapping[str, object]:
        """Every setting that changes a number."""
        ...

    def notes(self, model: Model) -> tuple[str, ...]:
        """Return what a user should know before reading the numbers of this model."""
        ...

    def score(self, model: Model | None, faces: NDArray[np.uint8], extracted: Extracted | None) -> Quality:
        """Score ``(N, H, W, 3)`` aligned faces whose taps are already extracted."""
        ...


class MethodFactory(Protocol):
    """What :data:`METHODS` names: a class that is called without arguments, or with options by name.

    A method with options is a dataclass, and its fields are declared by :func:`fiqx_trt.quality.options.option`.
    """

    higher_is_better: bool

    def __call__(self, **options: Any) -> QualityMethod:
        """Build the method."""
        ...


def method_names() -> tuple[str, ...]:
    """Return the names of all registered methods, sorted.

    Examples
    --------
    >>> "serfiq" in method_names()
    True
    """
    return tuple(sorted(METHODS))


def create_method(name: str, options: MethodOptions | Mapping[str, object] | None = None) -> QualityMethod:
    """Build a method by name.

    Parameters
    ----------
    name
        One of :func:`method_names`, or ``onnx:FILE`` for a quality network (:mod:`fiqx_trt.quality.onnx_scorer`).
    options
        The method's options by name.

    Raises
    ------
    InvalidInputError
        The name is unknown, or an option is unknown, of another type or out of range.
    PluginError
        Another package registered the method, and it cannot be used.
    ModelError
        The file of a quality network is missing or has no contract.

    Examples
    --------
    >>> create_method("serfiq", {"dropout": 0.3}).parameters["serfiq.dropout"]
    0.3
    """
    if isinstance(options, MethodOptions):
        options = asdict(options) if name == "serfiq" else {}
    family, _, argument = name.partition(":")
    if family == "onnx" and argument:
        from fiqx_trt.quality.onnx_scorer import OnnxScorer

        checked_values(name, OnnxScorer, options or {})
        return OnnxScorer.from_argument(argument)
    factory: MethodFactory = METHODS.load(name)
    with METHODS.calling(name):
        return factory(**checked_values(name, factory, options or {}))


def create_methods(names: Sequence[str], options: OptionsByMethod | None = None) -> list[QualityMethod]:
    """Build methods by name; a name that comes twice counts once.

    Parameters
    ----------
    names
        As for :func:`create_method`.
    options
        Method → option → value, such as ``{"brisque": {"halving": "antialiased"}}``.

    Raises
    ------
    InvalidInputError
        There is no name, one is unknown, options are given for a method that is not built, or one is wrong.
    PluginError, ModelError
        See :func:`create_method`.
    """
    if isinstance(names, str) or not names:
        raise InvalidInputError(
            f'methods is {names!r}; give a list of names, such as methods=["serfiq"] (there are '
            f"{', '.join(method_names())})"
        )
    if not isinstance(options, MethodOptions):
        _check_owners(names, options or {})
    return [
        create_method(name, options if isinstance(options, MethodOptions) else (options or {}).get(name))
        for name in dict.fromkeys(names)
    ]


def parse_options(texts: Sequence[str]) -> dict[str, dict[str, object]]:
    """Read options as the command line gives them, ``METHOD.OPTION=VALUE``.

    Raises
    ------
    InvalidInputError
        A text is malformed or comes twice, or names a method, an option or a value that does not exist.
    PluginError
        Another package registered the method, and it cannot be used.

    Examples
    --------
    >>> parse_options(["serfiq.dropout=0.3"])
    {'serfiq': {'dropout': 0.3}}
    """
    parsed: dict[str, dict[str, object]] = {}
    for text in texts:
        left, equals, value = text.partition("=")
        method, _, name = left.rpartition(".")
        if not (equals and method and name):
            raise InvalidInputError(
                f"--option is {text!r}; give METHOD.OPTION=VALUE (there are {', '.join(_every_option())})"
            )
        if name in parsed.setdefault(method, {}):
            raise InvalidInputError(f"--option {left} is given twice; give it once")
        parsed[method] |= checked_values(method, METHODS.load(method), {name: value}, parse=True)
    return parsed


def method_parameters(method: QualityMethod) -> dict[str, object]:
    """Return every setting of a method that changes a number, its options among them.

    Of a method of another package that is the package's version too, and the direction, for programs that read its table
    without that package.
    """
    further = option_values(method)
    if method.name not in METHODS.builtin:
        further[f"{method.columns[0]}.higher_is_better"] = method.higher_is_better
    origin = METHODS.origin(method.name)
    if origin:
        further[f"{method.name}.package"] = origin
    known = method.parameters
    return {**known, **{name: value for name, value in further.items() if name not in known}}


def _check_owners(names: Sequence[str], options: Mapping[str, Mapping[str, object]]) -> None:
    """Refuse options of methods that are not built, and what is no mapping."""
    if not isinstance(options, Mapping):
        raise InvalidInputError(
            f"options is {options!r}; give method, option and value, such as {{'serfiq': {{'dropout': 0.3}}}}"
        )
    for name, values in options.items():
        if name not in names:
            raise InvalidInputError(
                f"options are given for {name!r}, which is not among the methods {', '.join(names)}; add it "
                f"(--method {name}), or leave its options out (--option)"
            )
        if not isinstance(values, Mapping):
            raise InvalidInputError(
                f"options[{name!r}] is {values!r}; give options by name, such as {{'OPTION': value}}"
            )


def _every_option() -> Iterator[str]:
    """Yield ``METHOD.OPTION`` of all methods that can be used."""
    for name in METHODS:
        with contextlib.suppress(PluginError):
            yield from (f"{name}.{option.name}" for option in declared_options(METHODS.load(name)))


def scaled_column(method: str) -> str:
    """Return the column of a method's scaled quality, in every table.

    Examples
    --------
    >>> scaled_column("serfiq")
    'serfiq_scaled'
    """
    return f"{method}_scaled"
