"""Small whole files of every kind that the package reads, made by code."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from fiqx_trt.rows import Column, RunMeta, open_table, score_columns
from support.recordio import MAGIC, insightface

__all__ = [
    "archive",
    "avif",
    "embeddings",
    "joblib_list",
    "network",
    "npz",
    "pickled",
    "picture",
    "record",
    "table",
    "tuned",
]

ROWS = [
    {"path": "a, b.jpg", "face": 0, "faces": 2, "status": "ok", "q": 0.25, "n": 3},
    {"path": "a, b.jpg", "face": 1, "faces": 2, "status": "ok", "q": 1e-7, "n": 4},
    {"path": 'caf\udce9 "x"\n.jpg', "face": 0, "faces": 0, "status": "no_face", "error": "none found"},
]
META = RunMeta(
    command_line=["score", "faces"],
    version="0.1.0",
    model="m",
    model_sha256="ab" * 32,
    backend="openvino",
    device="cpu",
    precision="fp32",
    parameters={"passes": 100, "mean": [127.5, 127.5]},
)


@cache
def scratch() -> str:
    """A folder that goes away with the process."""
    return _scratch.name


_scratch = tempfile.TemporaryDirectory(prefix="fiqx-fuzz-")


@cache
def _run(suffix: str) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, f"t{suffix}")
        with open_table(out, score_columns(["q", Column("n", "int")]), meta=META) as rows:
            rows.append(ROWS)
        return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def table(suffix: str) -> bytes:
    """A table of this package."""
    return _run(suffix)[f"t{suffix}"]


def record() -> bytes:
    """The record beside a table."""
    return _run(".csv")["t.csv.meta.json"]


def avif() -> bytes:
    """A picture whose size stands in boxes and in its stream."""
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (24, 16)).save(stream, "AVIF")
    return stream.getvalue()


def picture(suffix: str) -> bytes:
    """A picture of 24 × 16 pixels."""
    import cv2

    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 3)).astype(np.uint8)
    return bytes(cv2.imencode(suffix, pixels)[1].tobytes())


def archive(mode: str, form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar file with a long name, a name of its own coding and a link."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode, format=form) as tar:  # type: ignore[call-overload]
        for name in ("a.png", "folder/" + "n" * 150 + ".png", "umlaut-ä.png"):
            info, data = tarfile.TarInfo(name), picture(".png")
            info.size = len(data)
            if form == tarfile.PAX_FORMAT:
                info.pax_headers = {"comment": "x" * 20, "mtime": "1.5"}
            tar.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "a.png"
        tar.addfile(link)
    return stream.getvalue()


def pickled(protocol: int) -> bytes:
    """Scores as other programs pickle them."""
    scores = {"a/1.jpg": np.float32(0.5), "b.jpg": np.array([0.25]), "c.jpg": 1.0}
    return pickle.dumps(scores, protocol=protocol)


def verification_set() -> bytes:
    """InsightFace's pair of pictures and flags."""
    return pickle.dumps(([picture(".jpg")] * 4, [True, False]), protocol=2)


def training_set() -> bytes:
    """InsightFace's records, one of them in parts."""
    return insightface([picture(".jpg"), b"\xff\xd8\xff\0" + MAGIC * 2 + b"end"])


def picture_table() -> bytes:
    """Pictures in a Parquet table, as Hugging Face writes them."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = [{"bytes": picture(".jpg"), "path": "a.jpg"}, {"bytes": picture(".png"), "path": None}, None]
    stream = io.BytesIO()
    parquet.write_table(pa.table({"image": rows, "label": [0, 1, 2]}), stream)
    return stream.getvalue()


def joblib_list() -> bytes:
    """A list of float32 arrays, as joblib writes it."""
    import joblib

    stream = io.BytesIO()
    joblib.dump([np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(4, np.float32)], stream)
    return stream.getvalue()


def npz() -> bytes:
    """Two arrays."""
    stream = io.BytesIO()
    np.savez_compressed(stream, a=np.arange(6.0).reshape(2, 3), b=np.array(["x", "yy"]))
    return stream.getvalue()


def embeddings(path: Path) -> bytes:
    """The embeddings of two pictures."""
    from fiqx_trt.evaluate.embeddings import EmbeddingCache, Embeddings

    kept = Embeddings(("a.jpg", "b.jpg"), np.eye(2, dtype=np.float32), {"b.jpg": "no face"})
    EmbeddingCache(path, {"model": "m"}).write(kept, [(1, 2), (3, 4)])
    return path.read_bytes()


def tuned() -> bytes:
    """Remembered settings of a backend."""
    key = ["k"]
    return json.dumps(
        {"format": 2, "key": key, "batch": 4, "streams": 1, "reason": "x", "rate": 2.5}
    ).encode()


@cache
def network() -> bytes:
    """A small recogniser as ONNX."""
    from support.nets import small_recogniser

    return bytes(small_recogniser().SerializeToString())


def state(zipped: bool) -> bytes:
    """A checkpoint of PyTorch, in its new or its old format."""
    import torch

    stream = io.BytesIO()
    torch.save({"w": torch.ones(2, 3), "n": torch.tensor(1)}, stream, _use_new_zipfile_serialization=zipped)
    return stream.getvalue()
