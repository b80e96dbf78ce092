"""Inputs that once did what no input may do, and a short round of every reader."""

from __future__ import annotations

import contextlib
import pickle
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fuzz import run, seeds
from fuzz.mutate import mutate
from fuzz.targets import LANDMARKS, SCORER, SIDECAR, SVR, TARGETS

ROUNDS = 40


@pytest.fixture(autouse=True)
def _alarm() -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, run._slow)
    yield
    signal.signal(signal.SIGALRM, before)


def _png(length: int) -> bytes:
    data = seeds.picture(".png")
    return data[:33] + length.to_bytes(4, "big") + b"tEXt" + data[33:]


def _footer(old: bytes, new: bytes) -> bytes:
    data = seeds.table(".parquet")
    assert old in data
    return data.replace(old, new)


EXAMPLES: dict[str, tuple[str, bytes]] = {
    "a number beyond a double": ("sidecar", b'{"alpha": 1' + b"0" * 400 + b"}"),
    "an infinite size": ("sidecar", b'{"input_size": [1e999, 112]}'),
    "a sidecar of many levels": ("sidecar", b"[" * 100_000),
    "a sidecar that is not UTF-8": ("sidecar", SIDECAR.replace(b"arcface", b"arc\xff")),
    "a mean that is a number": ("sidecar", SIDECAR.replace(b"[127.5, 127.5, 127.5]", b"127.5")),
    "an infinite size of a scorer": ("scorer", SCORER.replace(b"[112, 112]", b"[1e999, 112]")),
    "a scorer of many levels": ("scorer", b'{"a":' * 50_000),
    "a record of many levels": ("record", b"[" * 100_000),
    "a record with odd kinds": ("record", seeds.record().replace(b'"str"', b'{"a": 1}')),
    "a row of many levels": ("jsonl", seeds.table(".jsonl") + b"[" * 100_000 + b"\n"),
    "an endless integer in a row": ("jsonl", b'{"path": "a", "n": ' + b"9" * 5000 + b"}\n"),
    "a number beyond a double in a row": ("jsonl", b'{"path": "a", "n": 0.5}\n{"path": "b", "n": 1' + b"0" * 400 + b"}\n"),
    "an input row of many levels": ("input jsonl", b"[" * 100_000),
    "a partial row of many levels": ("partial jsonl", seeds.table(".jsonl") + b"[" * 100_000 + b"\n"),
    "a long whole number in a cell": ("csv", b"path,n\na.jpg," + b"9" * 5000 + b"\n"),
    "columns that are not UTF-8": ("parquet", _footer(b"status", b"sta\x80us")),
    "input columns that are not UTF-8": ("input parquet", _footer(b"path", b"pat\x80")),
    "text that is not UTF-8": ("parquet", _footer(b"a, b.jpg", b"a, b.\x80pg")),
    "a page that thrift cannot read": ("parquet", _footer(b"PAR1\x15", b"PAR1\x0f")),
    "counts that are no numbers": ("pairs", b"10\t300 Ada\t1\t2\nAda\t1\t2\n"),
    "a count of 5000 digits": ("pairs", b"9" * 5000 + b"\nAda\t1\t2\n"),
    "a picture number of 5000 digits": ("pairs", b"1\nAda\t1\t" + b"9" * 5000 + b"\nAda\t1\tBob\t1\n"),
    "a flag of 5000 digits": ("pairs", b"x.jpg 1\ny.jpg " + b"9" * 5000 + b"\n"),
    "a landmark beyond a float": ("landmark table", LANDMARKS.replace(b"38", b"9" * 400)),
    "a face of 5000 digits": ("landmark table", LANDMARKS.replace(b",0,38", b"," + b"9" * 5000 + b",38")),
    "an index of 5000 digits": ("regression", SVR.replace(b"1:0.5", b"9" * 5000 + b":0.5")),
    "a regression that is not UTF-8": ("regression", SVR.replace(b"rbf", b"\xff")),
    "ranges that are no list": ("regression", pickle.dumps({"min_": 1.0, "max_": 2.0}, 4)),
    "ranges of texts": ("regression", pickle.dumps({"min_": ["a", "b"], "max_": ["c", "d"]}, 4)),
    "ranges of two lengths": ("regression", pickle.dumps({"min_": [0.0], "max_": [2.5, 3.0]}, 4)),
    "a PNG chunk of 2 GB": ("header", _png(0x7FFFFFFF)),
    "a PNG chunk of 2 GB, decoded": ("picture", _png(0x7FFFFFFF)),
    "an object array": ("joblib", seeds.joblib_list().replace(b"f4", b"O8")),
    "a type from a damaged state": ("joblib", seeds.joblib_list().replace(b"\x8c\x01<", b"\x8c\x01V")),
    "an array that calls numpy": ("joblib", b"\x80\x04\x8c\x05numpy\x8c\x07ndarray\x93(K\x08K\x08\x86tR."),
    "an array too large for its file": ("joblib", seeds.joblib_list().replace(b"K\x02K\x03\x86", b"K\x02M\xff\xff\x86")),
    "a damaged archive of embeddings": ("embeddings", b"PK\x03\x04" + bytes(100)),
    "no archive of embeddings": ("embeddings", b""),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_input_that_once_did_harm(name: str, tmp_path: Path) -> None:
    target, data = EXAMPLES[name]
    assert run.attempt(TARGETS[target], tmp_path / f"input{TARGETS[target].suffix}", data) is None


def test_damaged_checkpoints(tmp_path: Path) -> None:
    """torch reads them itself, and raises nearly anything."""
    from fiqx_trt.errors import ModelError
    from fiqx_trt.onnx_export.architectures.state import load_state

    path = tmp_path / "w.pt"
    for zipped in (True, False):
        whole = seeds.state(zipped)
        for cut in (*range(0, 60), len(whole) // 2):
            path.write_bytes(whole[:cut])
            with pytest.raises(ModelError):
                load_state(path)
        draw = random.Random(3)
        for _ in range(60):
            path.write_bytes(mutate(draw, whole)[: len(whole)])
            with contextlib.suppress(ModelError):
                load_state(path)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.filterwarnings("ignore")
def test_a_short_round(name: str, tmp_path: Path) -> None:
    target, draw = TARGETS[name], random.Random(name)
    path = tmp_path / f"input{target.suffix}"
    whole = list(target.seeds())
    for data in [*whole, b"", *(mutate(draw, draw.choice(whole)) for _ in range(ROUNDS))]:
        told = run.attempt(target, path, data)
        assert told is None, (told, data)


def test_whole_files_are_read() -> None:
    """A target whose seeds are refused would fuzz nothing but its first check."""
    refused = []
    for name, target in TARGETS.items():
        for number, data in enumerate(target.seeds()):
            path = Path(seeds.scratch(), f"input{target.suffix}")
            path.write_bytes(data)
            try:
                target.read(path)
            except ValueError as error:
                refused.append((name, number, str(error)))
    assert refused == []
