"""``plq`` and ``cam`` in parts: the rows of a run without parts, and its maps and pictures in one archive per unit."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fiqx_trt.faces.sources import iter_sources
from fiqx_trt.rows import read_table

Cli = Callable[..., Any]
PLACES = {"maps": "maps", "picture": "pictures"}
OPTIONS = {"plq": ("--gamma", 8), "cam": ("--precision", "fp32")}


def member(run: str, name: str) -> bytes:
    """Return what a column of a run in parts names: a member of an archive in the run's folder."""
    archive, _, inner = name.partition("/")
    with tarfile.open(Path(run, archive)) as file:
        return file.extractfile(inner).read()  # type: ignore[union-attr]


def files(run: str) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in sorted(Path(run).iterdir())
        if path.suffix in (".tar", ".parquet")
    }


@pytest.mark.parametrize("command", sorted(OPTIONS))
def test_maps_of_a_run_in_parts(
    cli: Cli, crops: Path, recogniser: Path, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fiqx_trt.faces.units.LOOSE", 5)
    monkeypatch.chdir(tmp_path)
    whole_picture = Path("crops/03.png").read_bytes()
    Path("crops/03.png").write_bytes(b"damaged")
    run = (command, "crops", "--aligned", "--model", recogniser, "--threads", 1, *OPTIONS[command], "--quiet")
    assert cli(*run, "--out", "whole").code == 3
    done = cli(*run, "--out", "run/", "--engine", "local", "--workers", 2)
    assert done.code == 3, done.err
    kinds = [name.partition("-")[0] for name in files("run")]
    assert [kinds.count(kind) for kind in ("maps", "part", "pictures")] == [3, 3, 3]
    assert cli("merge", "run/", "--out", "merged.csv").code == 0
    expected, rows = list(read_table(Path("whole", f"{command}.csv"))), list(read_table(Path("merged.csv")))
    for row, one in zip(rows, expected, strict=True):
        assert {name: value for name, value in row.items() if name not in PLACES} == {
            name: value for name, value in one.items() if name not in PLACES
        }
        for column, folder in PLACES.items():
            if row["status"] == "ok":
                assert member("run", str(row[column])) == Path("whole", folder, str(one[column])).read_bytes()
            else:
                assert not row[column]
    assert len(list(iter_sources("run/pictures-00000001.tar"))) == 5

    Path("crops/03.png").write_bytes(whole_picture)
    assert cli(*run, "--out", "run", "--share", "0/1", "--retry-failed").code == 0
    for own in (1, 2):
        assert cli(*run, "--out", "shares", "--share", f"{own}/2").code == 0
    assert files("run") == files("shares")
    Path("run/of-the-user.tar").write_bytes(b"")
    assert cli(*run, "--out", "run", "--engine", "local", "--overwrite", "--no-maps").code == 0
    assert sorted(name for name in files("run") if name.endswith(".tar"))[:2] == [
        "of-the-user.tar",
        "pictures-00000000.tar",
    ]
