"""A folder with everything that the examples of the documents and of ``--help`` name."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from fiqx_trt.experiments.degradations import degrade
from fiqx_trt.models.probe import probe_faces
from support.nets import save, small_recogniser

#: What is done to the five pictures of a person.
STEPS = (("blur", 0.0), ("blur", 0.4), ("noise", 0.5), ("occlusion", 0.6), ("darkness", 0.7))


def photos(folder: Path) -> None:
    """One photograph with a face, one without, and one that is damaged."""
    folder.mkdir()
    package = find_spec("skimage")
    assert package is not None
    assert package.origin is not None
    shutil.copy(Path(package.origin).parent / "data" / "astronaut.png", folder)
    grey = np.full((120, 160, 3), 128, np.uint8)
    cv2.imwrite(str(folder / "wall.jpg"), grey)
    (folder / "damaged.jpg").write_bytes((folder / "wall.jpg").read_bytes()[:300])


def crops(folder: Path) -> None:
    """Twelve aligned crops of the size of the default model."""
    folder.mkdir()
    for index, face in enumerate(probe_faces((112, 112), count=12)):
        cv2.imwrite(str(folder / f"{index:02d}.jpg"), face[:, :, ::-1])


def people(folder: Path, count: int = 6) -> None:
    """Aligned crops of people, five pictures of each."""
    for person, face in enumerate(probe_faces((112, 112), count=count)):
        (folder / f"p{person}").mkdir(parents=True)
        for index, (kind, level) in enumerate(STEPS):
            cv2.imwrite(str(folder / f"p{person}" / f"{index}.jpg"), degrade(face, kind, level)[:, :, ::-1])


def own_model(path: Path) -> None:
    """A small recogniser, with the sidecar that states its contract."""
    save(small_recogniser(), path)
    contract = {"mean": [127.5] * 3, "std": [127.5] * 3, "color": "rgb", "template": "arcface"}
    path.with_suffix(".json").write_text(json.dumps(contract))


def make_desk(folder: Path) -> Path:
    """Make the folder and return it."""
    folder.mkdir(exist_ok=True)
    photos(folder / "photos")
    crops(folder / "crops")
    people(folder / "people")
    own_model(folder / "own.onnx")
    names = sorted(path.name for path in (folder / "crops").iterdir())
    (folder / "cr-fiqa.txt").write_text(
        "".join(f"crops/{name} {2 - i / 20:.2f}\n" for i, name in enumerate(names))
    )
    pairs = [
        (f"people/p{p}/0.jpg", f"people/p{q}/{i}.jpg", int(p == q))
        for p in range(6)
        for q in range(6)
        for i in (1, 2)
    ]
    (folder / "pairs.csv").write_text("a,b,label\n" + "".join(f"{a},{b},{label}\n" for a, b, label in pairs))
    return folder
