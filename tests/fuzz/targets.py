"""Every reader of foreign bytes: what it is given, and small whole files to begin with."""

from __future__ import annotations

import hashlib
import json
import pickle
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fiqx_trt.cache import HASH_SUFFIX
from fuzz import seeds

__all__ = ["TARGETS", "Target"]


@dataclass(frozen=True)
class Target:
    """A reader.

    Parameters
    ----------
    suffix
        Of the file it reads.
    read
        Reads a file whole.
    seeds
        Makes whole files.
    """

    suffix: str
    read: Callable[[Path], object]
    seeds: Callable[[], Sequence[bytes]]


def _picture(path: Path) -> object:
    from fiqx_trt.faces.decode import decode

    return decode(path.read_bytes(), max_pixels=1 << 20)


def _header(path: Path) -> object:
    from fiqx_trt.faces.header import read_header

    return read_header(path.read_bytes())


def _archive(path: Path) -> object:
    from fiqx_trt.errors import ImageError
    from fiqx_trt.faces.tar import walk_tar

    found = []
    for entry in walk_tar(str(path), on_skip=lambda _: None):
        try:
            found.append(entry.read() if entry.read is not None else entry.problem.encode())
        except ImageError as error:
            found.append(str(error).encode())
    return found


def _container(path: Path) -> object:
    from fiqx_trt.errors import ImageError
    from fiqx_trt.faces.sources import iter_sources

    found = []
    for source in iter_sources([str(path)]):
        try:
            found.append(source.read())
        except ImageError as error:
            found.append(str(error).encode())
    return found


def _inputs(path: Path) -> object:
    from fiqx_trt.faces.sources import iter_sources

    return list(iter_sources([str(path)]))


def _list(path: Path) -> object:
    from fiqx_trt.faces.lists import read_list

    return list(read_list(str(path)))


def _bin(path: Path) -> object:
    from fiqx_trt.faces.bins import is_bin, open_bin

    return open_bin(path) if is_bin(str(path)) else None


def _table(path: Path) -> object:
    from fiqx_trt.rows import read_table

    return list(read_table(path))


def _scan(path: Path) -> object:
    from fiqx_trt.rows import score_columns
    from fiqx_trt.rows.lines import CsvLines, JsonLines
    from fiqx_trt.rows.partial import scan
    from fiqx_trt.rows.schema import Column

    columns = score_columns(["q", Column("n", "int")])
    return scan(path, CsvLines(columns) if path.suffix == ".csv" else JsonLines(columns))


def _record(path: Path) -> object:
    from fiqx_trt.rows import RunMeta

    return RunMeta.read(path)


def _landmarks(path: Path) -> object:
    from fiqx_trt.importers.landmarks import read_landmarks

    return read_landmarks(path).locate("ada/1.jpg")


def _pairs(path: Path) -> object:
    from fiqx_trt.evaluate.pair_file import read_pairs

    return read_pairs(path)


def _identities(path: Path) -> object:
    from fiqx_trt.evaluate.identities import read_identities

    return read_identities(path)


def _scores(form: str) -> Callable[[Path], object]:
    def read(path: Path) -> object:
        from fiqx_trt.importers import read_scores

        return read_scores(path, format=form)

    return read


def _score_tables(path: Path) -> object:
    from fiqx_trt.evaluate.score_tables import read_score_tables

    return read_score_tables([path], directions={"q": True, "n": True})


def _sidecar(path: Path) -> object:
    from fiqx_trt.models.load import load_spec

    network = path.with_name("input.onnx")
    network.write_bytes(seeds.network())
    return load_spec(network)


def _scorer(path: Path) -> object:
    from fiqx_trt.quality.scorer_contract import read_contract

    return read_contract(path.with_suffix(".onnx"))


def _regression(path: Path) -> object:
    from fiqx_trt.quality._svr import load_svr

    model, ranges = path.with_name("whole.model"), path.with_name("whole.range")
    model.write_bytes(SVR)
    ranges.write_bytes(RANGES)
    data = path.read_bytes()
    if data[:1] in (b"x", b"\x80"):
        return load_svr(model, path, features=2)
    return load_svr(path, ranges, features=2)


def _joblib(path: Path) -> object:
    from fiqx_trt.onnx_export.architectures.joblib_format import read_arrays

    return read_arrays(path.read_bytes(), name="x")


def _arrays(path: Path) -> object:
    from fiqx_trt.arrays import load_arrays

    return load_arrays(path)


def _embeddings(path: Path) -> object:
    from fiqx_trt.evaluate.embeddings import EmbeddingCache

    return EmbeddingCache(path, {"model": "m"}).read()


def _model(path: Path) -> object:
    from fiqx_trt.models.load import load_spec

    path.with_suffix(".json").unlink(missing_ok=True)
    return load_spec(path)


def _graph(path: Path) -> object:
    from fiqx_trt.runtime.graph import read_graph

    return read_graph(path)


def _hint(path: Path) -> object:
    """Read remembered settings whose hash is right: as another version, or a user, may have written them."""
    from fiqx_trt.cache import Cache
    from fiqx_trt.runtime import tuning

    data = path.read_bytes()
    name = tuning._file_name(("k",))
    file = path.with_name(name)
    for target, content in ((file, data), (file.with_name(name + HASH_SUFFIX), _line(data, name))):
        target.write_bytes(content)
        target.chmod(0o600)
    kept = Cache(path.parent)
    before, tuning.cache_dir = tuning.cache_dir, lambda _: kept.folder  # type: ignore[assignment]
    try:
        return tuning.recall(("k",), {"batch": int, "reason": str})
    finally:
        tuning.cache_dir = before  # type: ignore[assignment]


def _line(data: bytes, name: str) -> bytes:
    return f"{hashlib.sha256(data).hexdigest()}  {name}\n".encode()


LINES = b"ada/1.jpg 38 51 73 51 56 71 41 92 70 92\nbob.jpg 1 2 3 4 5 6 7 8 9 10\n"
LANDMARKS = (
    b"path,face,left_eye_x,left_eye_y,right_eye_x,right_eye_y,nose_x,nose_y,left_mouth_x,left_mouth_y,right_mouth_x,"
    b"right_mouth_y\nada/1.jpg,0,38,51,73,51,56,71,41,92,70,92\n"
)
NUMBERED = b"path,x1,y1,x2,y2,x3,y3,x4,y4,x5,y5\nada/1.jpg,38,51,73,51,56,71,41,92,70,92\n"
SVR = (
    b"svm_type epsilon_svr\nkernel_type rbf\ngamma 0.05\nnr_class 2\ntotal_sv 2\nrho -1.5\nSV\n1.0 1:0.5 2:-0.25\n"
    b"-1.0 1:0.1 2:0.3\n"
)
RANGES = b"x\n-1 1\n1 0 2.5\n2 -1 3\n"
PICKLED_RANGES = pickle.dumps({"min_": [0.0, -1.0], "max_": [2.5, 3.0]}, 4)
SIDECAR = json.dumps(
    {
        "name": "m", "input_size": [32, 32], "mean": [127.5] * 3, "std": [127.5] * 3, "color": "rgb",
        "template": "arcface", "alpha": 100.0, "r": 0.5, "gamma": 2.0,
        "usual": {
            "grid": [1, 2], "faces": 9, "weights": "l1", "alarm": -2.5, "regions": {"nose": [0.1, 0.2]},
            **{name: {"intensity": [0.1, 0.2], "contrast": [0.3, 0.4]} for name in ("mean", "std")},
        },
        "map_worth": {
            "plq": {
                "gain": [0.4, 0.3, 0.5], "against": {"chance": [0.4, 0.3, 0.5]}, "faces": 9, "people": 0,
                "settings": {"weights": "l1"}, "on": "x",
            },
        },
        "quantiles": [0.1, 0.2], "guesses": ["mean"], "source": "x",
    }
).encode()  # fmt: skip
SCORER = b'{"contract": "cr-fiqa", "input_size": [112, 112], "mean": 127.5, "std": 127.5, "color": "rgb"}'
OFIQ = (
    b"Filename;UnifiedQualityScore;Sharpness;UnifiedQualityScore.scalar;Sharpness.scalar;assessment_time_in_ms;\n"
    b"faces/ada.jpg;21.4;3;88;71;412\n"
)
PAIRS = (
    b"a,b,label,score\nx.jpg,y.jpg,1,0.5\nx.jpg,z.jpg,0,0.1\n",
    b"x.jpg y.jpg 1\nx.jpg z.jpg 0\n",
    b"1\nAda\t1\t2\nAda\t1\tBob\t3\n",
    b"x.jpg 1\ny.jpg 1\nz.jpg 0\nx.jpg 0\n",
)

TARGETS: dict[str, Target] = {
    "header": Target(
        ".img",
        _header,
        lambda: [*(seeds.picture(s) for s in (".jpg", ".png", ".tiff", ".webp", ".bmp")), seeds.avif()],
    ),
    "picture": Target(
        ".img", _picture, lambda: [seeds.picture(s) for s in (".jpg", ".png", ".tiff", ".webp", ".bmp")]
    ),
    "tar": Target(
        ".tar",
        _archive,
        lambda: [seeds.archive("w"), seeds.archive("w", tarfile.GNU_FORMAT), seeds.archive("w:gz")],
    ),
    "list": Target(".txt", _list, lambda: [b"a.jpg\n# x\n\nb c.jpg\r\n"]),
    "bin": Target(".bin", _bin, lambda: [seeds.verification_set()]),
    "rec": Target(".rec", _container, lambda: [seeds.training_set()]),
    "picture table": Target(".parquet", _container, lambda: [seeds.picture_table()]),
    "input csv": Target(".csv", _inputs, lambda: [seeds.table(".csv"), b"path\na.jpg\n"]),
    "input jsonl": Target(".jsonl", _inputs, lambda: [seeds.table(".jsonl")]),
    "input parquet": Target(".parquet", _inputs, lambda: [seeds.table(".parquet")]),
    "csv": Target(".csv", _table, lambda: [seeds.table(".csv"), b"path,score\na.jpg,0.5\n"]),
    "jsonl": Target(
        ".jsonl", _table, lambda: [seeds.table(".jsonl"), b'{"path":"a","s":1}\n{"path":"b","t":2.5}\n']
    ),
    "parquet": Target(".parquet", _table, lambda: [seeds.table(".parquet")]),
    "partial csv": Target(".csv", _scan, lambda: [seeds.table(".csv")]),
    "partial jsonl": Target(".jsonl", _scan, lambda: [seeds.table(".jsonl")]),
    "record": Target(".json", _record, lambda: [seeds.record()]),
    "score table": Target(
        ".csv", _score_tables, lambda: [seeds.table(".csv"), b"path,q,n\na.jpg,0.5,1\nb.jpg,1,2\n"]
    ),
    "landmarks": Target(".txt", _landmarks, lambda: [LINES]),
    "landmark table": Target(".csv", _landmarks, lambda: [LANDMARKS, NUMBERED]),
    "pairs": Target(".csv", _pairs, lambda: PAIRS),
    "identities": Target(".csv", _identities, lambda: [b"path,identity\na.jpg,1\nb.jpg,ada\n"]),
    "path-score": Target(".txt", _scores("path-score"), lambda: [b"a b.jpg 0.5\nc.jpg 1e-3\n"]),
    "ofiq": Target(".csv", _scores("ofiq"), lambda: [OFIQ]),
    "faceqnet": Target(".txt", _scores("faceqnet"), lambda: [b"img;score\n.\\\\a_1.jpg;[0.6]\nb.jpg;0.5\n"]),
    "magface": Target(".list", _scores("magface"), lambda: [b"a.jpg" + b" 0.5" * 512 + b"\n"]),
    "pickle": Target(".pkl", _scores("pickle"), lambda: [seeds.pickled(p) for p in (0, 2, 4, 5)]),
    "sidecar": Target(".json", _sidecar, lambda: [SIDECAR]),
    "scorer": Target(".json", _scorer, lambda: [SCORER]),
    "regression": Target(".model", _regression, lambda: [SVR, RANGES, PICKLED_RANGES]),
    "joblib": Target(".lz4", _joblib, lambda: [seeds.joblib_list()]),
    "npz": Target(".npz", _arrays, lambda: [seeds.npz()]),
    "embeddings": Target(".npz", _embeddings, lambda: [seeds.embeddings(Path(seeds.scratch(), "e.npz"))]),
    "network": Target(".onnx", _model, lambda: [seeds.network()]),
    "graph": Target(".onnx", _graph, lambda: [seeds.network()]),
    "hint": Target(".hint", _hint, lambda: [seeds.tuned()]),
}
