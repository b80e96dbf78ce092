"""Groups of options that several commands share; :func:`fiqx_trt.cli.expand.expand_groups` shows them one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqx_trt.cli import options as o
from fiqx_trt.cli.contract import parse_input_size, parse_numbers, parse_taps
from fiqx_trt.errors import InvalidInputError, OutputError
from fiqx_trt.files import require_absent
from fiqx_trt.runs.colors import DEFAULT_COLORS
from fiqx_trt.runs.options import CamOptions, FaceOptions, Inputs, RuntimeOptions, choose_mode, open_model

if TYPE_CHECKING:
    from fiqx_trt.distributed.run import Share
    from fiqx_trt.figures.canvas import Look
    from fiqx_trt.models import Model
    from fiqx_trt.quality import MethodOptions
    from fiqx_trt.rows import Mode

__all__ = [
    "CamGroup",
    "ContractGroup",
    "CurveFigureGroup",
    "EngineGroup",
    "FaceGroup",
    "FigureGroup",
    "FileGroup",
    "GradientRuntimeGroup",
    "InputGroup",
    "LargestFaceGroup",
    "ModelGroup",
    "OutputGroup",
    "ResultGroup",
    "RuntimeGroup",
    "SerFiqGroup",
    "StudyEngineGroup",
]


@dataclass(frozen=True)
class ContractGroup:
    """Fields of a model's contract, but for the scales of its quality."""

    mean: o.Mean = None
    std: o.Std = None
    color: o.Color = None
    template: o.Template = None
    input_size: o.InputSize = None
    tap: o.Tap = None

    @property
    def contract(self) -> dict[str, Any]:
        """Fields of the model's contract that were given, by name.

        Raises
        ------
        InvalidInputError
            An option cannot be read.
        """
        given: dict[str, Any] = {
            "mean": parse_numbers(self.mean, "--mean"),
            "std": parse_numbers(self.std, "--std"),
            "color": self.color,
            "template": self.template,
            "input_size": parse_input_size(self.input_size),
            **parse_taps(self.tap or ()),
        }
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class _NamedModel:
    model: o.ModelName = o.DEFAULT_MODEL


@dataclass(frozen=True)
class ModelGroup(ContractGroup, _NamedModel):
    """The model and its contract: every command that opens a model has all of these options."""

    alpha: o.Alpha = None
    r: o.Middle = None

    @property
    def contract(self) -> dict[str, Any]:
        """Fields of the model's contract that were given, by name (:attr:`ContractGroup.contract`)."""
        scale = {"alpha": self.alpha, "r": self.r}
        return {**super().contract, **{name: value for name, value in scale.items() if value is not None}}

    def open(self, runtime: RuntimeOptions, **more: Any) -> Model:
        """Open the model (:func:`fiqx_trt.load_model`) with its contract and further fields of it."""
        return open_model(self.model, runtime, {**self.contract, **more})


@dataclass(frozen=True)
class FaceGroup(FaceOptions):
    """How faces are found in pictures."""

    aligned: o.Aligned = False
    detector: o.DetectorName = None
    select: o.Select = "largest"
    min_face: o.MinFace = None
    confidence: o.Confidence = None


@dataclass(frozen=True)
class LargestFaceGroup(FaceOptions):
    """How the largest face of each picture is found, for commands that take one face of a picture."""

    aligned: o.Aligned = False
    detector: o.DetectorName = None
    min_face: o.MinFace = None
    confidence: o.Confidence = None


@dataclass(frozen=True, kw_only=True)
class InputGroup(Inputs):
    """The pictures, and how their names are read."""

    names: o.Inputs
    null_separated: o.NullSeparated = False
    column: o.Column = None


@dataclass(frozen=True)
class RuntimeGroup(RuntimeOptions):
    """Where networks run."""

    backend: o.Backend = "auto"
    precision: o.Precision = "auto"
    device: o.Device = "auto"
    threads: o.Threads = None


@dataclass(frozen=True)
class GradientRuntimeGroup(RuntimeOptions):
    """Where networks run, for commands that compute gradients, which have no choice of precision."""

    backend: o.Backend = "auto"
    device: o.Device = "auto"
    threads: o.Threads = None


@dataclass(frozen=True, kw_only=True)
class EngineGroup:
    """Who does the work of a run in parts."""

    engine: o.Engine = ""
    workers: o.Workers = 1
    gpus_per_worker: o.GpusPerWorker = 0.0
    share: o.ShareOfUnits = None
    allow_mixed: o.AllowMixed = False

    def is_folder(self, out: str) -> bool:
        """Return whether an output is a folder of parts.

        Raises
        ------
        InvalidInputError
            It has to be one, and has no ``/`` at its end.
        """
        from fiqx_trt.faces.storage import is_url

        if (is_url(out) or self.share is not None) and not out.endswith("/"):
            why = "a run with --share" if self.share is not None else "an object store"
            raise InvalidInputError(
                f"--out is {out!r}; {why} takes a folder of parts: give {out}/, and use fiqx-trt merge later"
            )
        return out.endswith("/")

    def spreads(self, out: str) -> bool:
        """Return whether a run whose output is a folder in any case is made in parts."""
        from fiqx_trt.faces.storage import is_url

        return bool(self.engine) or self.share is not None or is_url(out)

    def in_parts(self, out: str) -> bool:
        """Return whether a run is made in parts."""
        return bool(self.engine) or self.is_folder(out)

    @property
    def given_share(self) -> Share | None:
        """The units of this process.

        Raises
        ------
        InvalidInputError
            It is no K/N, or an engine was given too.
        """
        from fiqx_trt.distributed.run import Share

        if self.share is not None and self.engine:
            raise InvalidInputError("--share is for runs without an engine; leave out --engine")
        return None if self.share is None else Share.parse(self.share)


@dataclass(frozen=True, kw_only=True)
class StudyEngineGroup(EngineGroup):
    """Who does the work of a study in parts, and where the parts are."""

    parts: o.PartsFolder = None
    retry_failed: o.RetryFailed = False

    @property
    def wanted(self) -> bool:
        """Whether the study is made in parts."""
        return bool(self.engine) or self.share is not None or self.parts is not None

    def require_parts(self) -> str:
        """Return the folder of the parts.

        Raises
        ------
        InvalidInputError
            None was given.
        """
        if self.parts is None:
            raise InvalidInputError(
                "a study in parts keeps them in a folder; give --parts RUN/, a path or a URL"
            )
        return self.parts

    def mode(self, *, overwrite: bool) -> Mode:
        """Return what to do with earlier parts: go on, where nothing else was asked for."""
        mode = choose_mode(resume=False, overwrite=overwrite, retry=self.retry_failed)
        return "resume" if mode == "new" else mode


@dataclass(frozen=True)
class OutputGroup:
    """What happens to an earlier output, and whether anything is printed."""

    resume: o.Resume = False
    overwrite: o.Overwrite = False
    retry_failed: o.RetryFailed = False
    quiet: o.Quiet = False

    @property
    def mode(self) -> Mode:
        """What to do with an earlier output.

        Raises
        ------
        InvalidInputError
            More than one was given.
        """
        return choose_mode(resume=self.resume, overwrite=self.overwrite, retry=self.retry_failed)


@dataclass(frozen=True)
class ResultGroup:
    """Whether an earlier result is replaced, and whether anything is printed; for commands that make one result."""

    overwrite: o.Overwrite = False
    quiet: o.Quiet = False

    def require_free(self, out: Path, names: Sequence[str]) -> None:
        """Check, before any work is done, that a folder holds no earlier result, or that it may be replaced.

        Raises
        ------
        OutputError
            One of the files exists, or the folder is a file.
        """
        require_absent(*(out / name for name in names), overwrite=self.overwrite)
        if out.exists() and not out.is_dir():
            raise OutputError(f"{out} is a file; give a folder as --out")


@dataclass(frozen=True)
class SerFiqGroup:
    """Which estimator SER-FIQ uses."""

    estimator: o.Estimator = "closed-form"
    passes: o.Passes = None
    seed: o.MaskSeed = None

    @property
    def options(self) -> MethodOptions:
        """The options of the methods."""
        from fiqx_trt.quality import MethodOptions

        return MethodOptions(passes=self.passes, seed=self.seed, estimator=self.estimator)


@dataclass(frozen=True)
class CamGroup(CamOptions):
    """Which activation map is drawn."""

    target: o.Target = None
    weights: o.ChannelWeights = None
    preset: o.CamPreset = None
    align_corners: o.AlignCorners = None
    layer: o.Layer = None


@dataclass(frozen=True)
class FileGroup:
    """Which files are written beside the table."""

    maps: o.Maps = True
    pictures: o.Pictures = "jpg"
    colors: o.Colors = DEFAULT_COLORS
    smooth: o.Smooth = 0.0


@dataclass(frozen=True, kw_only=True)
class CurveFigureGroup:
    """What figures without maps are written to: their colours are told apart by everyone."""

    figure_format: o.FigureFormat = None

    @property
    def look(self) -> Look:
        """The same as a value.

        Raises
        ------
        InvalidInputError
            A format is unknown.
        DependencyError
            Figures cannot be drawn on this machine.
        """
        from fiqx_trt.figures.canvas import Look

        return Look.named(DEFAULT_COLORS, self.figure_format or ())


@dataclass(frozen=True, kw_only=True)
class FigureGroup:
    """How figures are drawn, and the files they are written to."""

    colors: o.Colors = DEFAULT_COLORS
    figure_format: o.FigureFormat = None

    @property
    def look(self) -> Look:
        """The same as a value.

        Raises
        ------
        InvalidInputError
            The colours or a format are unknown.
        DependencyError
            Figures cannot be drawn on this machine.
        """
        from fiqx_trt.figures.canvas import Look

        return Look.named(self.colors, self.figure_format or ())
