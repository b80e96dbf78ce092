"""Photographs to a table: `fiqx-trt score` beside the loop that a user would write, and where the time goes.

``FIQX_THREADS=2 python benchmarks/bench_photos.py PHOTOS... --threads 2`` measures, in turns and each in a process of its own
that has seen the photos once, the loop as it stands in OpenCV's manual (``loop``), the same with a copy of at most 640
pixels to search, which is what the command's YuNet searches (``loop640``), and the command with each detector (SER-FIQ, the
default recogniser). It prints photos per second, processor time, peak memory, and the ratios to the loops of the same round.
Where else runs much, processor times tell more than the clock. ``--steps`` prints what each step takes of each photo.

The loop: decode with OpenCV, YuNet through OpenCV, warp, ONNX Runtime, one photo after the other.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import pytest

from fiqx_trt.errors import DependencyError
from support.files import yunet_path

QUICK = 640
ARCFACE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)


def loop(
    photos: Sequence[str], yunet: Path, network: Path, out: Path, *, threads: int, longest: int | None
) -> None:
    """Write a row per photo: what a user would write in an afternoon."""
    import onnxruntime

    cv2.setNumThreads(threads)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(network), settings)
    name = session.get_inputs()[0].name
    detector = cv2.FaceDetectorYN.create(str(yunet), "", (320, 320), score_threshold=0.5)
    with out.open("w") as table:
        for photo in photos:
            image = cv2.imread(photo)
            if image is None:
                table.write(f"{photo},unreadable\n")
                continue
            scale = min(1.0, (longest or max(image.shape)) / max(image.shape))
            small = cv2.resize(image, None, fx=scale, fy=scale) if scale < 1 else image
            detector.setInputSize(small.shape[1::-1])
            faces = detector.detect(small)[1]
            if faces is None:
                table.write(f"{photo},no face\n")
                continue
            face = max(faces, key=lambda row: row[2] * row[3])
            points = face[4:14].reshape(5, 2) / scale
            matrix = cv2.estimateAffinePartial2D(points, ARCFACE, method=cv2.LMEDS)[0]
            crop = cv2.warpAffine(image, matrix, (112, 112))
            tensor = ((crop[:, :, ::-1].astype(np.float32) - 127.5) / 128).transpose(2, 0, 1)[None]
            embedding = session.run(None, {name: tensor})[0]
            table.write(f"{photo},{np.linalg.norm(embedding)}\n")


def table_of(detector: str, photos: Sequence[str], out: Path, *, threads: int) -> Callable[[], None]:
    """Return what makes the command's table of the photos; the model and the detector are open already."""
    from fiqx_trt.faces.detect import open_detector
    from fiqx_trt.faces.prepare import FacePreparer
    from fiqx_trt.faces.sources import iter_sources
    from fiqx_trt.models import load_model
    from fiqx_trt.quality.serfiq import SerFiq
    from fiqx_trt.rows import RunMeta, open_table, score_columns
    from fiqx_trt.runs import Scorer, score_table

    model = load_model(threads=threads)
    preparer = FacePreparer(
        model.spec.input_size, model.spec.template, detector=open_detector(detector, threads=threads)
    )
    scorer = Scorer(model, [SerFiq()])

    def run() -> None:
        meta = RunMeta(["bench_photos"], "", "", "", model.backend, model.device, model.precision)
        columns = score_columns(scorer.columns, detection=True)
        table = open_table(out, columns, meta=meta, mode="overwrite")
        score_table(iter_sources(list(photos)), preparer, scorer, table, threads=threads)

    return run


def child(subject: str, given: argparse.Namespace) -> None:
    """Run once, and again for every line that comes in; print wall and processor seconds and the peak memory in MB."""
    photos, out = photos_of(given.photos, given.repeat), Path(given.folder) / f"{subject}.csv"
    if subject in ("mtcnn", "yunet"):
        run = table_of(subject, photos, out, threads=given.threads)
    else:
        longest = QUICK if subject == "loop640" else None
        network = Path(given.folder) / "network.onnx"

        def run() -> None:
            loop(photos, given.yunet, network, out, threads=given.loop_threads, longest=longest)

    run()
    print("ready", flush=True)
    for _ in sys.stdin:
        wall, spent = time.perf_counter(), time.process_time()
        run()
        wall, spent = time.perf_counter() - wall, time.process_time() - spent
        status = Path("/proc/self/status").read_text().splitlines()
        peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
        print(json.dumps([wall, spent, int(peak) // 1024]), flush=True)


def photos_of(names: Sequence[str], repeat: int) -> list[str]:
    """Return the pictures of files and folders."""
    from fiqx_trt.faces.sources import iter_sources

    return [source.path for source in iter_sources(list(names))] * repeat


def measure(given: argparse.Namespace, subjects: Sequence[str]) -> dict[str, list[list[float]]]:
    """Return wall seconds, processor seconds and peak memory of every round of each subject, in turns."""
    arguments = [str(name) for name in given.photos]
    options = ["--threads", str(given.threads), "--repeat", str(given.repeat), "--yunet", str(given.yunet)]
    options += ["--loop-threads", str(given.loop_threads)]
    children = []
    for subject in subjects:
        line = [sys.executable, __file__, *arguments, *options, "--folder", given.folder, "--child", subject]
        children.append(subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert children[-1].stdout is not None
        if children[-1].stdout.readline() != "ready\n":
            raise SystemExit(f"{subject} failed")
    rounds: dict[str, list[list[float]]] = {subject: [] for subject in subjects}
    for _ in range(given.rounds):
        for subject, process in zip(subjects, children, strict=True):
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("go\n")
            process.stdin.flush()
            rounds[subject].append(json.loads(process.stdout.readline()))
    for process in children:
        process.communicate()
    return rounds


def lines(rounds: dict[str, list[list[float]]], count: int) -> list[str]:
    """Return the table: medians of the rounds, and of the ratios to each loop in the same round."""
    loops = [name for name in rounds if name.startswith("loop")]
    told = [
        f"{'subject':<9} {'photos/s':>9} {'CPU ms a photo':>15} {'peak MB':>8}"
        + "".join(f" {'x ' + name:>9} {'of its CPU':>11}" for name in loops)
    ]
    for name, values in rounds.items():
        wall, spent, peak = (median(column) for column in zip(*values, strict=True))
        told.append(f"{name:<9} {count / wall:>9.1f} {1000 * spent / count:>15.1f} {peak:>8.0f}")
        for peer in loops:
            pairs = list(zip(values, rounds[peer], strict=True))
            faster = median(other[0] / own[0] for own, other in pairs)
            share = median(own[1] / other[1] for own, other in pairs)
            told[-1] += f" {faster:>9.2f} {share:>11.2f}"
    return told


def steps(photos: Sequence[str]) -> list[str]:
    """Return a table of each photo's processor time, ms, step by step on one thread; each is the best of five."""
    from fiqx_trt.faces.align import align
    from fiqx_trt.faces.decode import decode
    from fiqx_trt.faces.detect import open_detector
    from fiqx_trt.models import load_model
    from fiqx_trt.quality.serfiq import serfiq

    def spent(work: Callable[[], object]) -> float:
        times = []
        for _ in range(6):  # the first prepares
            begin = time.process_time()
            work()
            times.append(time.process_time() - begin)
        return 1000 * min(times[1:])

    told = [
        f"{'photo':<28} {'MP':>5} {'faces':>6} {'decode':>7} {'mtcnn':>6} {'yunet':>6} {'align':>6} {'score':>6}"
    ]
    with (
        load_model(threads=1) as model,
        open_detector("mtcnn", threads=1) as mtcnn,
        open_detector("yunet", threads=1) as yunet,
    ):
        for photo in photos:
            data = Path(photo).read_bytes()
            image = decode(data)
            found = mtcnn.detect(image)
            work: list[Callable[[], object]] = [
                partial(decode, data),
                partial(mtcnn.detect, image),
                partial(yunet.detect, image),
            ]
            if len(found):
                size, template = model.spec.input_size, model.spec.template
                face = align(image, found.landmarks[0], template, size)
                work += [
                    partial(align, image, found.landmarks[0], template, size),
                    partial(serfiq, model, face[None]),
                ]
            row = " ".join(
                f"{spent(one):>{width}.1f}" for one, width in zip(work, (7, 6, 6, 6, 6), strict=False)
            )
            pixels = image.shape[0] * image.shape[1] / 1e6
            told.append(f"{Path(photo).name[:28]:<28} {pixels:>5.1f} {len(found):>6} {row}")
    return told


def write_network(folder: Path) -> None:
    """Write the default recogniser as ONNX, for the loop."""
    from fiqx_trt.models import load_model

    with load_model(precision="fp32") as model:
        (folder / "network.onnx").write_bytes(model._graph.SerializeToString())


@pytest.mark.skipif(not yunet_path().is_file(), reason=f"no {yunet_path()} (set FIQX_MODELS)")
def bench_photos(tmp_path: Path) -> None:
    """The loop and the command see the same photos: a row each, and a face in the astronaut's."""
    astronaut = pytest.importorskip("skimage.data").astronaut()
    photos = [str(tmp_path / "astronaut.png"), str(tmp_path / "none.png")]
    cv2.imwrite(photos[0], astronaut[:, :, ::-1])
    cv2.imwrite(photos[1], np.full((100, 120, 3), 128, np.uint8))
    write_network(tmp_path)
    network, out = tmp_path / "network.onnx", tmp_path / "out.csv"
    loop(photos, yunet_path(), network, out, threads=1, longest=QUICK)
    assert [line.split(",")[1] == "no face" for line in out.read_text().splitlines()] == [False, True]
    try:
        make = table_of("mtcnn", photos, out, threads=1)
    except DependencyError as error:
        pytest.skip(str(error))
    make()
    assert [line.split(",")[3] for line in out.read_text().splitlines()] == ["status", "ok", "no_face"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="+")
    parser.add_argument("--threads", type=int, default=2, help="of the command (default: 2)")
    parser.add_argument("--loop-threads", type=int, default=1, help="of the loops' networks (default: 1)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=1, help="how often the photos are taken in a round")
    parser.add_argument("--yunet", type=Path, default=yunet_path(), help="the detector's file, for the loop")
    parser.add_argument(
        "--steps", action="store_true", help="print what each step takes of each photo instead"
    )
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument(
        "--subjects", default="loop,loop640,mtcnn,yunet", help="what to measure (default: %(default)s)"
    )
    given = parser.parse_args()
    if given.steps:
        print("\n".join(steps(photos_of(given.photos, 1))))
        return
    if given.child:
        child(given.child, given)
        return
    with tempfile.TemporaryDirectory() as folder:
        given.folder = folder
        write_network(Path(folder))
        count = len(photos_of(given.photos, given.repeat))
        rounds = measure(given, given.subjects.split(","))
    used = f"{given.threads} threads, the loops {given.loop_threads}"
    print(f"{count} photos, {used}; medians of {given.rounds} rounds, each subject in turn")
    print("\n".join(lines(rounds, count)))


if __name__ == "__main__":
    main()
