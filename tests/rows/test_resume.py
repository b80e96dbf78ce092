"""After any interruption a resumed table is byte for byte that of an uninterrupted run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from itertools import pairwise
from pathlib import Path

import pytest

from fiqx_trt.errors import OutputError
from fiqx_trt.rows import open_table, read_table
from fiqx_trt.rows.meta import RunMeta
from fiqx_trt.rows.schema import Row
from rows.tables import COLUMNS, GROUPS, META, REPAIRED, SOURCES, Input, ok, run

SUFFIXES = [".csv", ".jsonl", ".parquet"]
TESTS = Path(__file__).resolve().parents[1]


def partial(out: Path) -> Path:
    return out.with_name(out.name + ".partial")


def interrupted(out: Path, groups: list[list[Row]]) -> bytes:
    """Leave a run unfinished that has written `groups`, and return its partial file."""
    with open_table(out, COLUMNS, meta=META) as table:
        table.append([row for group in groups for row in group])
        table.close(complete=False)
    return partial(out).read_bytes()


def python(*arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    return subprocess.Popen([sys.executable, *arguments], env=environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("suffix", "groups"), [(".csv", GROUPS), (".jsonl", GROUPS[4:8])])
def test_cut_at_every_byte(
    tmp_path: Path, suffix: str, groups: list[list[Row]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda fd: None)  # a thousand runs need no disk
    sources = [Input(str(group[0]["path"])) for group in groups]
    run(tmp_path / f"whole{suffix}", sources=sources)
    wanted = (tmp_path / f"whole{suffix}").read_bytes()
    out = tmp_path / f"s{suffix}"
    whole = interrupted(out, groups)
    assert whole == wanted
    record = out.with_name(out.name + ".partial.meta.json").read_bytes()
    computed = []
    for size in range(len(whole) + 1):
        partial(out).write_bytes(whole[:size])
        out.with_name(out.name + ".partial.meta.json").write_bytes(record)
        out.unlink(missing_ok=True)
        computed.append(run(out, mode="resume", batch=100, sources=sources))
        assert out.read_bytes() == wanted, size
    # the work left shrinks with every byte kept, from everything to nothing
    assert computed[0] == len(groups)
    assert computed[-1] == 0
    assert all(a >= b for a, b in pairwise(computed))
    # one step per input but one: that of which one face of three was chosen is never certain to be whole
    assert len(set(computed)) == len(groups)


@pytest.mark.parametrize("mode", ["new", "overwrite", "retry"])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_kill_at_every_system_call(tmp_path: Path, suffix: str, mode: str) -> None:
    with python(str(TESTS / "rows" / "kill_everywhere.py"), suffix, mode, str(tmp_path)) as process:
        said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said


SLOW_RUN = """
import sys, time
from pathlib import Path
from rows.tables import COLUMNS, META, Input, ok, batches
from fiqx_trt.rows import open_table
out, count, hang = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
with open_table(out, COLUMNS, meta=META, mode="resume") as table:
    for number, some in enumerate(batches(table.remaining(Input(f"{i},.jpg") for i in range(count)), 4)):
        table.append([ok(s.path, face, 2, i / 7) for i, s in enumerate(some) for face in range(2)])
        time.sleep(60 if number == hang else 0.001)
"""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_killed_several_times(tmp_path: Path, suffix: str) -> None:
    """Kills from outside, at no chosen moment; the run hangs after a while so that none comes late."""
    out, count = tmp_path / f"s{suffix}", "400"
    for name in (f"whole{suffix}", out.name):
        for growth in (1, 3_000, 5_000) if name == out.name else ():
            before = partial(out).stat().st_size if partial(out).exists() else 0
            with python("-c", SLOW_RUN, str(out), count, "30") as process:
                while not partial(out).exists() or partial(out).stat().st_size < before + growth:
                    assert process.poll() is None
                    time.sleep(0.001)
                process.kill()
            assert process.returncode == -signal.SIGKILL
        with python("-c", SLOW_RUN, str(tmp_path / name), count, "-1") as process:
            pass
        assert process.returncode == 0
    assert out.read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()
    assert RunMeta.read(out.with_name(out.name + ".meta.json")).resumed == 3


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("batch", [1, 2, 100])
def test_batches_do_not_matter(tmp_path: Path, suffix: str, batch: int) -> None:
    run(tmp_path / f"a{suffix}", batch=3)
    run(tmp_path / f"b{suffix}", batch=batch)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_exception_keeps_the_rows(tmp_path: Path, suffix: str) -> None:
    run(tmp_path / f"whole{suffix}")
    out = tmp_path / f"s{suffix}"

    def stopped() -> None:
        with open_table(out, COLUMNS, meta=META) as table:
            table.append(GROUPS[0] + GROUPS[1])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    meta = RunMeta.read(out.with_name(out.name + ".partial.meta.json"))
    assert (meta.state, meta.inputs, dict(meta.counts)) == ("interrupted", 2, {"decode_error": 1, "ok": 2})
    assert not out.exists()
    assert run(out, mode="resume") == len(GROUPS) - 2
    assert out.read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()


def test_nothing_is_left_of_a_run_without_rows(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), open_table(tmp_path / "s.csv", COLUMNS, meta=META):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_resume_of_a_complete_table_has_nothing_to_do(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"s{suffix}"
    run(out)
    before = out.read_bytes(), out.stat().st_mtime_ns
    with open_table(out, COLUMNS, meta=META, mode="resume") as table:
        assert table.finished
        assert table.done == len(GROUPS)
        assert table.meta.counts == {"decode_error": 1, "no_face": 2, "not_finite": 1, "ok": 10}
        assert list(table.remaining(SOURCES)) == []
    assert (out.read_bytes(), out.stat().st_mtime_ns) == before


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_changed_inputs_are_noticed(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"s{suffix}"
    interrupted(out, GROUPS[:4])
    other = [*SOURCES[:2], Input("new.jpg"), *SOURCES[2:]]
    with open_table(out, COLUMNS, meta=META, mode="resume") as table:
        assert table.done == 4
        with pytest.raises(
            OutputError, match=r"input 3 of s\..* was 'twice.jpg', now 'new.jpg'; give the same"
        ):
            list(table.remaining(other))
        with pytest.raises(OutputError, match=r"input 4 of s\..* was 'twice.jpg', now missing"):
            list(table.remaining(SOURCES[:3]))
        table.close(complete=False)
    assert run(out, mode="resume") == len(GROUPS) - 4
    with (
        open_table(out, COLUMNS, meta=META, mode="resume") as table,
        pytest.raises(
            OutputError, match=r"'new.jpg' is input 11, but s\..* was made of 10; give the same inputs"
        ),
    ):
        list(table.remaining([*SOURCES, Input("new.jpg")]))


def test_remaining_may_run_ahead_of_append(tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    interrupted(out, GROUPS[:4])
    with open_table(out, COLUMNS, meta=META, mode="resume") as table:
        ahead = table.remaining(SOURCES)
        first = next(ahead)
        table.append([row for group in GROUPS[4:] for row in group])
        assert [first, *ahead] == SOURCES[4:]
    assert [row["path"] for row in read_table(out)] == [row["path"] for group in GROUPS for row in group]


@pytest.mark.parametrize(
    "damage", [b"\0" * 50 + b"\n", b'a.jpg,1,"x\n', b"\xff,,,,,,,,\r\n", b"a,0,1,ok\r\n"]
)
def test_damaged_rows_are_computed_again(tmp_path: Path, damage: bytes) -> None:
    run(tmp_path / "whole.csv")
    out = tmp_path / "s.csv"
    interrupted(out, GROUPS[:6])
    with partial(out).open("ab") as file:
        file.write(damage)
    assert run(out, mode="resume") == len(GROUPS) - 6
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_retry_computes_failed_inputs_only(tmp_path: Path, suffix: str) -> None:
    out, wanted = tmp_path / f"s{suffix}", tmp_path / f"wanted{suffix}"
    run(out)
    run(wanted, groups=REPAIRED)
    with open_table(out, COLUMNS, meta=META, mode="retry") as table:
        assert table.retrying == 4
        todo = list(table.remaining(SOURCES))
        table.close(complete=False)
    assert [source.path for source in todo] == ["empty.jpg", "none.jpg", "none.jpg", "line\nbreak.jpg"]
    assert run(out, mode="retry", groups=REPAIRED, batch=1) == 4
    assert out.read_bytes() == wanted.read_bytes()
    with open_table(out, COLUMNS, meta=META, mode="retry") as table:
        assert table.finished


def test_retry_goes_on_after_an_interruption(tmp_path: Path) -> None:
    out, wanted = tmp_path / "s.csv", tmp_path / "wanted.csv"
    run(out)
    run(wanted, groups=REPAIRED)
    with open_table(out, COLUMNS, meta=META, mode="retry") as table:
        table.append(REPAIRED[0] + REPAIRED[5])
        table.close(complete=False)
    assert run(out, mode="retry", groups=REPAIRED) == 2
    assert out.read_bytes() == wanted.read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("loss", ["folder", "file", "replaced"])
def test_rows_are_not_written_where_they_would_be_lost(tmp_path: Path, suffix: str, loss: str) -> None:
    out = tmp_path / "out" / f"s{suffix}"
    table = open_table(out, COLUMNS, meta=META)
    table.append(GROUPS[1])
    if loss == "folder":
        shutil.rmtree(out.parent)
    else:
        partial(out).unlink()
    if loss == "replaced":
        partial(out).write_text("another")
    with pytest.raises(OutputError, match="was removed or moved while rows were written to it"):
        table.append(GROUPS[2])
    table.close(complete=False)
    assert not out.exists()
    if loss == "replaced":
        assert partial(out).read_text() == "another"


def test_retry_refuses_rows_in_another_order(tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    run(out)
    before = out.read_bytes()
    with open_table(out, COLUMNS, meta=META, mode="retry") as table:
        with pytest.raises(ValueError, match=r"the next failed input is 'empty.jpg', not 'none.jpg'"):
            table.append(REPAIRED[5])
        with pytest.raises(OutputError, match=r"cannot be finished: writing failed before"):
            table.close()
    with open_table(out, COLUMNS, meta=META, mode="retry") as table:
        table.append(REPAIRED[0])
        with pytest.raises(ValueError, match=r"the next failed input is 'none.jpg', not None"):
            table.close()
    assert out.read_bytes() == before


def test_retry_needs_a_complete_table(tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    with pytest.raises(OutputError, match=r"s.csv does not exist, so there is nothing to retry"):
        run(out, mode="retry")
    interrupted(out, GROUPS[:4])
    with pytest.raises(
        OutputError, match=r"s.csv.partial holds an unfinished run; finish it with --resume first"
    ):
        run(out, mode="retry")


def test_memory_stays_flat(tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    sources = [Input(f"folder/{number:06d}.jpg") for number in range(12_000)]
    with open_table(out, COLUMNS, meta=META) as table:
        table.append([ok(source.path) for source in sources])
        table.close(complete=False)
    assert partial(out).stat().st_size > 600_000
    tracemalloc.start()
    try:
        with open_table(out, COLUMNS, meta=META, mode="resume") as table:
            assert table.done == len(sources)
            assert list(table.remaining(sources)) == []
        assert tracemalloc.get_traced_memory()[1] < 300_000
    finally:
        tracemalloc.stop()


def test_a_copied_table_can_be_resumed_elsewhere(tmp_path: Path) -> None:
    interrupted(tmp_path / "a" / "s.csv", GROUPS[:3])
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    run(tmp_path / "a" / "s.csv", mode="resume")
    run(tmp_path / "b" / "s.csv", mode="resume")
    assert (tmp_path / "a" / "s.csv").read_bytes() == (tmp_path / "b" / "s.csv").read_bytes()
