"""Pipes and endless devices in the place of files: refused at once, in one line, by every reader."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fiqx_trt.errors import FiqxError
from fiqx_trt.evaluate.pair_file import read_pairs
from fiqx_trt.faces.sources import iter_sources
from fiqx_trt.importers import format_names, read_scores
from fiqx_trt.importers.landmarks import read_landmarks
from fiqx_trt.models.load import load_spec
from fiqx_trt.models.spec import read_sidecar
from fiqx_trt.onnx_export.graphs.reading.__init__ import read_model
from fiqx_trt.quality._svr import load_svr
from fiqx_trt.rows import read_table, table_columns
from fiqx_trt.rows.meta import RunMeta
from fiqx_trt.runtime.graph import read_graph

READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    **{
        f"scores {name}": (".txt", lambda path, name=name: read_scores(path, format=name))
        for name in format_names()
    },
    "table": (".csv", lambda path: list(read_table(path))),
    "columns": (".jsonl", table_columns),
    "parquet": (".parquet", lambda path: list(read_table(path))),
    "input table": (".csv", lambda path: list(iter_sources([str(path)]))),
    "input parquet": (".parquet", lambda path: list(iter_sources([str(path)]))),
    "pairs": (".csv", read_pairs),
    "landmarks": (".txt", read_landmarks),
    "landmark table": (".csv", read_landmarks),
    "sidecar": (".json", read_sidecar),
    "record": (".meta.json", RunMeta.read),
    "network": (".onnx", read_model),
    "graph": (".onnx", read_graph),
    "model": (".onnx", load_spec),
    "regression": (".model", lambda path: load_svr(path, path, features=36)),
}


@pytest.mark.parametrize("kind", ["pipe", "device", "socket"])
@pytest.mark.parametrize("name", READERS)
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, name: str, kind: str) -> None:
    suffix, read = READERS[name]
    path = tmp_path / f"special{suffix}"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        import socket

        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    with pytest.raises(FiqxError):
        read(path)
