"""Options that several kinds of runs share: faces, runtime, activation map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fiqx_trt.errors import InvalidInputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fiqx_trt.explain.recipe import Recipe
    from fiqx_trt.explain.result import ScoreCam
    from fiqx_trt.faces.detect import Detector, Locator
    from fiqx_trt.faces.prepare import FacePreparer
    from fiqx_trt.faces.sources import Source
    from fiqx_trt.models import Model, ModelSpec
    from fiqx_trt.rows import Mode

__all__ = ["CamOptions", "FaceOptions", "Inputs", "RuntimeOptions", "choose_mode", "open_model"]

_LANDMARKS = "landmarks:"


@dataclass(frozen=True)
class Inputs:
    """The inputs of a run.

    Parameters
    ----------
    names
        Files, folders, globs, archives, lists or tables; see :mod:`fiqx_trt.faces.sources`.
    null_separated
        Whether names on standard input end with NUL.
    column
        The path column of inputs that are tables; ``None``: ``path``.
    """

    names: Sequence[str | Path]
    null_separated: bool = False
    column: str | None = None

    @classmethod
    def of(cls, given: Sequence[str | Path] | str | Path, *, column: str | None = None) -> Inputs:
        """Return one or several inputs."""
        return cls([given] if isinstance(given, (str, Path)) else list(given), column=column)

    def sources(self) -> Iterator[Source]:
        """Return one source per picture.

        Raises
        ------
        SourceError
            At once: an input does not exist.
        """
        from fiqx_trt.faces.sources import iter_sources

        return iter_sources(self.names, null_separated=self.null_separated, column=self.column)


@dataclass(frozen=True)
class RuntimeOptions:
    """Where the networks run."""

    backend: str = "auto"
    precision: str = "auto"
    device: str = "auto"
    threads: int | None = None


@dataclass(frozen=True)
class FaceOptions:
    """How faces are found in pictures."""

    aligned: bool = False
    detector: str | None = None
    select: str = "largest"
    min_face: float | None = None
    confidence: float | None = None

    def __post_init__(self) -> None:
        """Raise InvalidInputError where options contradict each other."""
        if self.aligned and self.detector:
            raise InvalidInputError(
                "--aligned and --detector contradict each other; give one of them (in Python: aligned=True or detector=…)"
            )
        if self._limits and (self.aligned or self.landmarks is not None):
            given = " and ".join(f"--{name.replace('_', '-')}" for name in self._limits)
            other = "--aligned" if self.aligned else "--detector landmarks:FILE"
            raise InvalidInputError(
                f"{given} {'tells' if len(self._limits) == 1 else 'tell'} a detector what to look for, and with {other} "
                "nothing is searched; leave one out"
            )
        if self.detector in ("landmarks", _LANDMARKS):
            raise InvalidInputError("--detector landmarks:FILE wants the file with the landmarks")

    @property
    def parameters(self) -> dict[str, object]:
        """Settings that change which face is scored."""
        parameters: dict[str, object] = {
            "faces.aligned": self.aligned,
            "faces.detector": self.detector or "auto",
            "faces.select": self.select,
        }
        if self.landmarks is not None:  # what is in the file counts, not where it lies
            from fiqx_trt.importers.landmarks import file_sha256

            parameters["faces.detector"] = "landmarks"
            parameters["faces.landmarks_sha256"] = file_sha256(self.landmarks)
        elif self.detector is not None:
            from fiqx_trt.faces.detect import DETECTORS

            origin = DETECTORS.origin(self.detector)
            parameters |= {"faces.detector_package": origin} if origin else {}
        return parameters | {f"faces.{name}": value for name, value in self._limits.items()}

    @property
    def _limits(self) -> dict[str, float]:
        """The limits given for the detector."""
        limits = {"min_face": self.min_face, "confidence": self.confidence}
        return {name: value for name, value in limits.items() if value is not None}

    @property
    def landmarks(self) -> Path | None:
        """The file of ready landmarks, if one was given."""
        name = self.detector or ""
        return Path(name.removeprefix(_LANDMARKS)).expanduser() if name.startswith(_LANDMARKS) else None

    def preparer(self, spec: ModelSpec, runtime: RuntimeOptions) -> FacePreparer:
        """Return the object that turns pictures into aligned faces of a model."""
        from fiqx_trt.faces.prepare import MIN_FACE, FacePreparer

        return FacePreparer(
            spec.input_size,
            spec.template,
            detector=self._detector(runtime),
            aligned=self.aligned,
            select=self.select,
            min_face=MIN_FACE if self.min_face is None else min(MIN_FACE, int(self.min_face)),
            threads=runtime.threads,
        )

    def _detector(self, runtime: RuntimeOptions) -> Detector | Locator | Literal["auto"]:
        if self.detector is None and not self._limits:
            return "auto"
        if self.landmarks is not None:
            from fiqx_trt.importers.landmarks import read_landmarks

            return read_landmarks(self.landmarks)
        from fiqx_trt.faces.detect import open_detector

        return open_detector(
            self.detector or "mtcnn",
            threads=runtime.threads,
            min_face=self.min_face,
            confidence=self.confidence,
        )


@dataclass(frozen=True)
class CamOptions:
    """Which map; see :func:`fiqx_trt.scorecam`."""

    target: str | None = None
    weights: str | None = None
    preset: str | None = None
    align_corners: bool | None = None
    layer: str | None = None

    @property
    def recipe(self) -> Recipe:
        """The definition that the options name.

        Raises
        ------
        InvalidInputError
            A name is unknown.
        """
        from fiqx_trt.explain.recipe import recipe

        return recipe(self.preset, target=self.target, weights=self.weights, align_corners=self.align_corners)

    def maps(self, model: Model, faces: NDArray[np.uint8]) -> ScoreCam:
        """Return the maps of aligned faces and what they rest on."""
        from fiqx_trt.explain.scorecam import scorecam_details

        return scorecam_details(
            model,
            faces,
            target=self.target,
            weights=self.weights,
            preset=self.preset,
            align_corners=self.align_corners,
            layer=self.layer,
        )

    @property
    def parameters(self) -> Mapping[str, object]:
        """Every setting that changes a number, as given."""
        return {f"cam.{name}": value for name, value in asdict(self).items()}


def open_model(name: str | Path, runtime: RuntimeOptions, fields: Mapping[str, Any]) -> Model:
    """Open a model with fields of its contract that a user gave (:func:`fiqx_trt.load_model`)."""
    from fiqx_trt.models import load_model

    return load_model(
        name,
        backend=runtime.backend,
        precision=runtime.precision,
        device=runtime.device,
        threads=runtime.threads,
        **fields,
    )


def choose_mode(*, resume: bool, overwrite: bool, retry: bool) -> Mode:
    """Return the mode in which the table is opened.

    Raises
    ------
    InvalidInputError
        More than one was given.
    """
    wanted: dict[Mode, bool] = {"resume": resume, "overwrite": overwrite, "retry": retry}
    given = [mode for mode, flag in wanted.items() if flag]
    if len(given) > 1:
        raise InvalidInputError(
            "--resume, --overwrite and --retry-failed exclude each other; give one of them (in Python: resume=True, "
            "overwrite=True or retry_failed=True)"
        )
    return given[0] if given else "new"
