"""What opening refuses, what a full or read-only disk does, and who may write at once."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fiqx_trt.errors import InvalidInputError, OutputError
from fiqx_trt.rows import Column, RunMeta, open_table, partial, read_table
from fiqx_trt.rows.opening import Mode
from rows.tables import COLUMNS, GROUPS, META, SOURCES, ok, run

SUFFIXES = [".csv", ".jsonl", ".ndjson", ".parquet"]
TESTS = Path(__file__).resolve().parents[1]


def meta_of(out: Path) -> Path:
    return out.with_name(out.name + ".meta.json")


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".CSV"])
def test_what_is_written_is_read(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / "new" / "folder" / f"s{suffix}"
    assert run(out) == len(GROUPS)
    assert sorted(p.name for p in out.parent.iterdir()) == [out.name, out.name + ".meta.json"]
    wanted = [{c.name: row.get(c.name) or None for c in COLUMNS} for group in GROUPS for row in group]
    read = [{name: value or None for name, value in row.items()} for row in read_table(out)]
    assert read == wanted
    meta = RunMeta.read(meta_of(out))
    assert (meta.state, meta.rows, meta.inputs) == ("complete", 14, 10)
    assert meta.counts == {"decode_error": 1, "no_face": 2, "not_finite": 1, "ok": 10}
    assert meta.started <= str(meta.finished)
    assert meta.duration_s >= 0.0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_inputs_give_an_empty_table(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"s{suffix}"
    assert run(out, sources=[]) == 0
    assert list(read_table(out)) == []


def test_unknown_suffix(tmp_path: Path) -> None:
    for name in ("s.txt", "s", "s.csv.gz"):
        with pytest.raises(
            OutputError, match=r"has the suffix '.*'; use .csv, .jsonl \(or .ndjson\) or .parquet"
        ):
            run(tmp_path / name)


def test_unknown_mode(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidInputError, match=r"mode 'append' is unknown; use one of new, overwrite, resume, retry"
    ):
        run(tmp_path / "s.csv", mode="append")  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["new", "overwrite", "resume", "retry"])
def test_a_folder_is_no_output(tmp_path: Path, mode: Mode) -> None:
    (tmp_path / "s.csv").mkdir()
    with pytest.raises(OutputError, match=r"s.csv is a folder; give the name of a file in it"):
        run(tmp_path / "s.csv", mode=mode)


def test_a_link_stands_for_its_file(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "s.csv").symlink_to(tmp_path / "disk" / "s.csv")
    run(tmp_path / "s.csv")
    assert (tmp_path / "s.csv").is_symlink()
    assert len(list(read_table(tmp_path / "disk" / "s.csv"))) == 14


def test_new_touches_nothing(tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    out.write_bytes(b"mine")
    with pytest.raises(
        OutputError, match=r"s.csv exists already; use --resume to continue it, or --overwrite"
    ):
        run(out)
    assert [p.name for p in tmp_path.iterdir()] == ["s.csv"]
    assert out.read_bytes() == b"mine"
    out.unlink()
    with open_table(out, COLUMNS, meta=META) as table:
        table.append(GROUPS[0])
        table.close(complete=False)
    with pytest.raises(OutputError, match=r"s.csv.partial holds an unfinished run; use --resume to continue"):
        run(out)
    assert run(out, mode="overwrite") == len(GROUPS)


def test_overwrite_keeps_the_old_table_until_the_end(tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    run(out, sources=SOURCES[:2])
    old = out.read_bytes(), meta_of(out).read_bytes()
    with open_table(out, COLUMNS, meta=META, mode="overwrite") as table:
        table.append(GROUPS[0] + GROUPS[1] + GROUPS[2])
        assert (out.read_bytes(), meta_of(out).read_bytes()) == old
        table.close(complete=False)
    assert (out.read_bytes(), meta_of(out).read_bytes()) == old
    assert run(out, mode="resume") == len(GROUPS) - 3
    assert len(list(read_table(out))) == 14


@pytest.mark.parametrize("finished", [True, False])
def test_other_settings_are_refused(tmp_path: Path, finished: bool) -> None:
    out = tmp_path / "s.csv"
    with open_table(out, COLUMNS, meta=META) as table:
        table.append(GROUPS[0] + GROUPS[1])
        table.close(complete=finished)
    files = {p: p.read_bytes() for p in tmp_path.iterdir()}
    other = replace(META, precision="bf16", parameters={**META.parameters, "passes": 10})
    wanted = (
        r"made with other settings: precision was fp32, now bf16; passes was 100, now 10; give the old ones"
    )
    with pytest.raises(OutputError, match=wanted):
        run(out, mode="resume", meta=other)
    with pytest.raises(
        OutputError, match=r"columns was path .* q q_scaled passes note, now .* error q; give"
    ):
        open_table(out, COLUMNS[:6], meta=META, mode="resume")
    with pytest.raises(
        OutputError, match=r"other settings: the kinds of its columns differ; give the old ones"
    ):
        open_table(out, [*COLUMNS[:-1], Column("note", "int")], meta=META, mode="resume")
    assert files == {p: p.read_bytes() for p in tmp_path.iterdir()}


def test_tables_without_a_record_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    run(out)
    meta_of(out).unlink()
    with pytest.raises(
        OutputError, match=r"s.csv has no record s.csv.meta.json; use --overwrite to start anew"
    ):
        run(out, mode="resume")
    out.rename(out.with_name("s.csv.partial"))
    with pytest.raises(
        OutputError, match=r"s.csv.partial has no record s.csv.partial.meta.json; use --overwrite"
    ):
        run(out, mode="resume")


def test_a_table_changed_by_hand_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    run(out)
    out.write_bytes(b"\r\n".join(out.read_bytes().split(b"\r\n")[:-2]) + b"\r\n")
    with pytest.raises(
        OutputError, match=r"s.csv was changed: it has \d+ inputs with .*, but its record says 10"
    ):
        run(out, mode="resume")


def test_another_header_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    with open_table(out, COLUMNS, meta=META) as table:
        table.append(GROUPS[0])
        table.close(complete=False)
    file = out.with_name("s.csv.partial")
    file.write_bytes(file.read_bytes().replace(b"q_scaled", b"q scaled"))
    with pytest.raises(
        OutputError, match=r"s.csv.partial begins with another header than this run writes; use"
    ):
        run(out, mode="resume")


@pytest.mark.parametrize("mode", ["new", "overwrite", "resume", "retry"])
def test_two_writers_exclude_each_other(tmp_path: Path, mode: Mode) -> None:
    out = tmp_path / "s.csv"
    with open_table(out, COLUMNS, meta=META) as table:
        table.append(GROUPS[0])
        script = "import sys, pathlib, rows.tables as t; t.run(pathlib.Path(sys.argv[1]), mode=sys.argv[2])"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
        other = subprocess.run(
            [sys.executable, "-c", script, str(out), mode], env=environment, capture_output=True, text=True
        )
        assert other.returncode == 1
        assert "another process is writing" in other.stderr
        assert "s.csv.partial; wait for it, or give another --out" in other.stderr
        table.append([row for group in GROUPS[1:] for row in group])
    run(tmp_path / "whole.csv")
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_file_systems_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_locks(fd: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(partial.fcntl, "flock", no_locks)
    run(tmp_path / "s.csv")
    assert "s.csv.partial: this file system has no locks; start no second run on it" in caplog.text
    assert (tmp_path / "s.csv").exists()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_full_disk(tmp_path: Path, suffix: str) -> None:
    """A limit on the size of files is what a full disk looks like, short writes included."""
    out = tmp_path / f"s{suffix}"
    wanted = tmp_path / f"whole{suffix}"
    groups = [[ok(f"{number}.jpg", q=number / 7)] for number in range(400)]
    sources = [type(SOURCES[0])(f"{number}.jpg") for number in range(400)]
    run(wanted, groups=groups, sources=sources)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, before[1]))
    try:
        with pytest.raises(OutputError) as caught:
            run(out, groups=groups, sources=sources)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    message = str(caught.value)
    assert message.startswith(f"cannot write {out}: File too large; the ")
    assert message.endswith(
        f" inputs before are kept in {out.name}.partial: make it writable or free space, then use --resume"
    )
    kept = int(message.split("the ")[1].split()[0])
    assert kept > 50
    assert not out.exists()
    assert RunMeta.read(out.with_name(out.name + ".partial.meta.json")).inputs == kept
    assert run(out, groups=groups, sources=sources, mode="resume") == 400 - kept
    assert out.read_bytes() == wanted.read_bytes()


def full(*args: object, **options: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_full_disk_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OutputError, match=r"cannot write .*s.csv: No space left on device$"):
        run(tmp_path / "s.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_full_disk_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, call: str
) -> None:
    out = tmp_path / f"s{suffix}"
    table = open_table(out, COLUMNS, meta=META)
    table.append([row for group in GROUPS for row in group])
    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(
            OutputError, match=r"No space left on device; the 10 inputs before are kept in s\..*\.partial"
        ):
            table.close()
    assert not out.exists()
    assert run(out, mode="resume") == 0
    run(tmp_path / f"whole{suffix}")
    assert out.read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()


def test_full_disk_while_suspending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    table = open_table(tmp_path / "s.csv", COLUMNS, meta=META)
    table.append(GROUPS[0])
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        table.close(complete=False)
    assert "s.csv.partial.meta.json: No space left on device" in caplog.text
    assert run(tmp_path / "s.csv", mode="resume") == len(GROUPS) - 1


def test_read_only_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*args: object, **options: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", read_only)
        with pytest.raises(OutputError, match=r"cannot write .*s.csv: Read-only file system$"):
            run(tmp_path / "s.csv")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match=r"cannot write .*file/s.csv: (Not a directory|File exists)$"):
        run(tmp_path / "file" / "s.csv")


def test_rows_that_do_not_fit_write_nothing(tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    with open_table(out, COLUMNS, meta=META) as table:
        with pytest.raises(InvalidInputError, match=r"column 'q' is nan in an ok row"):
            table.append([ok("a"), ok("b", q=float("nan"))])
        table.append([ok("c")])
    assert [row["path"] for row in read_table(out)] == ["c"]
    with pytest.raises(
        InvalidInputError, match=r"s.csv takes no more rows: it is complete, closed or failed before"
    ):
        table.append([ok("d")])
    table.close()


def test_duration_and_start_survive_a_resume(tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    with open_table(out, COLUMNS, meta=META) as table:
        table.append(GROUPS[0])
        table.close(complete=False)
    record = out.with_name("s.csv.partial.meta.json")
    first = RunMeta.read(record)
    replace(first, duration_s=100.0, started="2020-01-01T00:00:00+00:00").write(record)
    run(out, mode="resume")
    last = RunMeta.read(meta_of(out))
    assert 100.0 <= last.duration_s < 160.0
    assert (last.started, last.resumed, last.state) == ("2020-01-01T00:00:00+00:00", 1, "complete")
