"""Both face detectors on the same photos: what each finds and misses, how far their landmarks lie apart, CPU time.

``FIQX_THREADS=1 python benchmarks/bench_detectors.py FOLDER [--yunet FILE]`` prints the table for the photos of a
folder and of the folders in it; a normal test run compares the detectors once, on a public photo.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fiqx_trt.errors import DependencyError, ImageError
from fiqx_trt.faces.decode import decode
from fiqx_trt.faces.detect import Detections, Detector
from fiqx_trt.faces.mtcnn import Mtcnn
from fiqx_trt.faces.sources import iter_sources
from fiqx_trt.faces.yunet import Yunet
from support.files import yunet_path

FAR = 0.25  # of the distance between the eyes; landmarks further apart are listed
Photo = tuple[str, NDArray[np.uint8]]


@dataclass(frozen=True)
class Answer:
    """What one detector says of one photo, and its CPU time in seconds."""

    photo: str
    found: Detections
    seconds: float


def answers(detector: Detector, photos: Iterable[Photo]) -> list[Answer]:
    """Search each photo once before it is timed: runtimes prepare for a shape when they first see it."""
    result = []
    for name, image in photos:
        detector.detect(image)
        begin = time.process_time()
        found = detector.detect(image)
        result.append(Answer(name, found, time.process_time() - begin))
    return result


def distances(one: Detections, other: Detections) -> list[float]:
    """Return, for each face of `one` that `other` has, the mean distance of landmarks in units of the eyes' distance.

    A face is the same where the landmarks' centres lie closer than the eyes.
    """
    result = []
    for points in one.landmarks:
        if not len(other):
            break
        eyes = float(np.linalg.norm(points[0] - points[1]))
        apart = np.linalg.norm(other.landmarks.mean(axis=1) - points.mean(axis=0), axis=1)
        nearest = int(np.argmin(apart))
        if apart[nearest] < eyes:
            result.append(float(np.linalg.norm(other.landmarks[nearest] - points, axis=1).mean()) / eyes)
    return result


def lines(first: str, one: Sequence[Answer], second: str, other: Sequence[Answer]) -> list[str]:
    """Return the table, and the photos on which the detectors differ."""
    told = [
        f"{'detector':<10} {'photos':>7} {'with a face':>12} {'faces':>6} {'CPU ms: median':>15} {'mean':>6}"
    ]
    for name, rows in ((first, one), (second, other)):
        spent = 1000 * np.array([row.seconds for row in rows])
        with_face = sum(len(row.found) > 0 for row in rows)
        faces = sum(len(row.found) for row in rows)
        told.append(
            f"{name:<10} {len(rows):>7} {with_face:>12} {faces:>6} {np.median(spent):>15.1f} {spent.mean():>6.1f}"
        )
    pairs = list(zip(one, other, strict=True))
    apart = [(distance, a.photo) for a, b in pairs for distance in distances(a.found, b.found)]
    if apart:
        values = [distance for distance, _ in apart]
        median, most = np.percentile(values, [50, 90])
        told.append(
            f"{len(values)} faces of both; landmarks apart, in units of the eyes' distance: median {median:.3f}, "
            f"90 % below {most:.3f}, at most {max(values):.3f}"
        )
    far = sorted(photo for distance, photo in apart if distance > FAR)
    told.append(f"landmarks further apart than {FAR}: {', '.join(far) or 'none'}")
    for name, with_face, without in ((first, 0, 1), (second, 1, 0)):
        alone = [
            pair[0].photo for pair in pairs if len(pair[with_face].found) and not len(pair[without].found)
        ]
        told.append(f"a face by {name} alone: {', '.join(alone) or 'none'}")
    differ = [f"{a.photo} {len(a.found)}:{len(b.found)}" for a, b in pairs if len(a.found) and len(b.found)]
    differ = [text for text in differ if len(set(text.rpartition(" ")[2].split(":"))) > 1]
    told.append(f"other numbers of faces ({first}:{second}): {', '.join(differ) or 'none'}")
    return told


def photos_of(folder: Path) -> list[Photo]:
    """Return the photos that can be decoded."""
    photos = []
    for source in iter_sources([str(folder)]):
        try:
            photos.append((Path(source.path).name, decode(source.read())))
        except ImageError as error:
            print(f"{source.path}: {error}")
    return photos


@pytest.mark.skipif(not yunet_path().is_file(), reason=f"no {yunet_path()} (set FIQX_MODELS)")
def bench_detectors() -> None:
    """Both find the astronaut, and put her landmarks within a tenth of the distance between her eyes."""
    photos = [("astronaut", np.asarray(pytest.importorskip("skimage.data").astronaut()))]
    try:
        mtcnn = Mtcnn(threads=1)
    except DependencyError as error:
        pytest.skip(str(error))
    with mtcnn, Yunet(threads=1, model=yunet_path().read_bytes()) as yunet:
        one, other = answers(mtcnn, photos), answers(yunet, photos)
    assert [len(row.found) for row in (*one, *other)] == [1, 1]
    (apart,) = distances(one[0].found, other[0].found)
    assert apart < 0.1
    assert lines("mtcnn", one, "yunet", other)[-1] == "other numbers of faces (mtcnn:yunet): none"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--yunet", type=Path, help="the detector's file; default: the one that was fetched")
    given = parser.parse_args()
    photos = photos_of(given.folder)
    model = given.yunet.read_bytes() if given.yunet else None
    with Mtcnn(threads=1) as mtcnn, Yunet(threads=1, model=model) as yunet:
        print("\n".join(lines("mtcnn", answers(mtcnn, photos), "yunet", answers(yunet, photos))))


if __name__ == "__main__":
    main()
