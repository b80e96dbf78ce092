"""Runs in parts: the bytes of a run without parts, whatever happens to the workers."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from distributed.conftest import picture
from fiqx_trt.distributed import folder as folders
from fiqx_trt.distributed.merge import merge_into_store
from fiqx_trt.distributed.parts import part_name, read_own
from fiqx_trt.distributed.run import Share
from fiqx_trt.distributed.worker import OpenWorker, Order
from fiqx_trt.errors import InvalidInputError, ModelError, OutputError
from fiqx_trt.rows import RunMeta, read_table
from fiqx_trt.runs.options import Inputs
from support.parts import merged, parts, whole


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_merged_parts_are_the_table_of_a_run_without_them(settings, inputs, suffix: str) -> None:
    expected = whole(settings, inputs, f"whole{suffix}")
    done = parts(settings, inputs, batch=2)
    assert (done.complete, done.units, done.done, done.outcome.made) == (True, 7, 7, 7)
    assert merged(out=f"merged{suffix}") == expected
    first, second = (
        RunMeta.read(Path(f"whole{suffix}.meta.json")),
        RunMeta.read(Path(f"merged{suffix}.meta.json")),
    )
    assert first.configuration_sha256 == second.configuration_sha256
    assert (first.counts, first.inputs, first.rows) == (second.counts, second.inputs, second.rows)
    assert second.counts == done.counts == {"decode_error": 9, "ok": 28}


def test_parts_are_a_plain_data_set(settings, inputs) -> None:
    import pyarrow.dataset as ds

    parts(settings, inputs)
    table = ds.dataset("run", format="parquet").to_table()
    assert table.column("status").to_pylist() == [
        row["status"] for row in read_table(Path("run", part_name(0)))
    ] + [row["status"] for number in range(1, 7) for row in read_table(Path("run", part_name(number)))]
    assert Path("run/_SUCCESS").exists()


def test_processes_give_the_same_bytes(settings, inputs) -> None:
    expected = whole(settings, inputs, "whole.csv")
    done = parts(settings, inputs, engine="local", workers=2)
    assert done.complete
    assert merged() == expected


def test_shares_of_several_processes_make_one_run(settings, inputs) -> None:
    expected = whole(settings, inputs, "whole.csv")
    results = [parts(settings, inputs, share=Share.parse(f"{own}/3")) for own in (1, 2, 3)]
    assert [done.complete for done in results] == [False, False, True]
    assert sum(done.outcome.made for done in results) == 7
    assert merged() == expected
    again = parts(settings, inputs, share=Share(0, 3))
    assert (again.outcome.made, again.complete) == (0, True)


@pytest.mark.parametrize("text", ["3", "a/b", "4/3", "1/0", "-1/3"])
def test_shares_that_are_none(text: str) -> None:
    with pytest.raises(InvalidInputError, match="--share is"):
        Share.parse(text)


def test_resume_makes_what_is_missing_and_nothing_else(
    settings, inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = whole(settings, inputs, "whole.csv")
    calls: list[int] = []
    first = parts(
        settings, inputs, report=lambda *, done, failed: calls.append(done), stop=lambda: len(calls) >= 3
    )
    assert (first.complete, first.outcome.stopped, first.done) == (False, True, 3)
    with pytest.raises(OutputError, match=r"run/ is not complete: 4 of 7 units have no part \(3, 4, 5, 6\)"):
        merged()
    with pytest.raises(OutputError, match="holds a run already; use --resume to continue it, or --overwrite"):
        parts(settings, inputs)
    kept = Path("run", part_name(0)).stat().st_mtime_ns
    for name, age in (("old", 7200), ("new", 0)):  # by writers that were killed
        left = Path("run", f".fiqx-{name}.tmp")
        left.touch()
        os.utime(left, (time.time() - age,) * 2)
    read: list[int] = []
    monkeypatch.setattr(
        "fiqx_trt.distributed.run.read_own",
        lambda folder, number, run: (read.append(number), read_own(folder, number, run))[1],
    )
    second = parts(settings, inputs, mode="resume")
    assert (second.outcome.made, second.complete) == (4, True)
    assert [path.name for path in Path("run").glob(".fiqx*")] == [".fiqx-new.tmp"]
    assert sorted(read) == [0, 1, 2]  # for the counts of the whole run
    assert second.counts == {"decode_error": 9, "ok": 28}
    assert Path("run", part_name(0)).stat().st_mtime_ns == kept
    assert merged() == expected
    assert parts(settings, inputs, mode="overwrite").outcome.made == 7


def test_other_settings_and_other_inputs_are_refused(settings, inputs) -> None:
    parts(settings, inputs)
    other = replace(settings, methods=("magface",))
    with pytest.raises(
        OutputError, match=r"run/ was made with other settings: .*give the old ones, or use --overwrite"
    ):
        parts(other, inputs, mode="resume")
    with pytest.raises(OutputError, match=r"was begun with other inputs \(7 units, now 1\)"):
        parts(settings, Inputs(["shard-0.tar"]), mode="resume")


def test_retry_makes_failed_inputs_again(settings, inputs) -> None:
    parts(settings, inputs)
    before = [Path("run", part_name(number)).stat().st_mtime_ns for number in range(7)]
    Path("missing.jpg").write_bytes(picture(500))
    expected = whole(settings, inputs, "whole.csv")
    done = parts(settings, inputs, mode="retry")
    assert (done.outcome.made, done.complete) == (
        5,
        True,
    )  # four shards with damaged pictures, and the missing one
    assert merged() == expected
    assert done.counts == {"decode_error": 8, "ok": 29}
    after = [Path("run", part_name(number)).stat().st_mtime_ns for number in range(7)]
    assert sum(now == then for now, then in zip(after, before, strict=True)) == 2


def test_a_damaged_part_is_named(settings, inputs) -> None:
    parts(settings, inputs)
    Path("run", part_name(3)).write_bytes(b"PAR1 damaged")
    with pytest.raises(OutputError, match=r"run/part-00000003\.parquet is no part of a run, or is damaged"):
        merged()
    Path("run", part_name(3)).write_bytes(Path("run", part_name(2)).read_bytes())
    another = r"part-00000003\.parquet is of another run; --retry-failed makes it again"
    with pytest.raises(OutputError, match=another):
        merged()
    again = parts(settings, inputs, mode="retry")
    assert again.complete
    assert merged() == whole(settings, inputs, "whole.csv")
    # what a worker of a run with other inputs publishes late
    parts(settings, Inputs([*inputs.names, "shard-0.tar"]), "other/")
    Path("run", part_name(3)).write_bytes(Path("other", part_name(3)).read_bytes())
    with pytest.raises(OutputError, match=another):
        merged()
    page = bytearray(Path("run", part_name(2)).read_bytes())
    page[4:200] = bytes(196)
    Path("run", part_name(2)).write_bytes(page)
    with pytest.raises(
        OutputError, match=r"part-00000002\.parquet is damaged; --retry-failed makes it again"
    ):
        merged()


def test_a_model_that_cannot_be_opened_ends_the_run_at_once(settings, inputs) -> None:
    Path("broken.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"the worker cannot begin: .*broken\.onnx"):
        parts(replace(settings, model="broken.onnx"), inputs, engine="local", workers=2)
    assert not Path("run").exists()


def test_inputs_that_can_be_listed_once(settings, inputs) -> None:
    """A list in a pipe, as the shell's <(…) gives it."""
    names = [f"loose/new\nline {number}.png" for number in range(6)]
    Path("one.png").write_bytes(picture(1))
    read, write = os.pipe()
    os.write(write, b"one.png\nloose/missing.png\n")
    os.close(write)
    done = parts(settings, Inputs([f"@/dev/fd/{read}"]))
    os.close(read)
    assert (done.complete, done.counts) == (True, {"decode_error": 1, "ok": 1})
    assert all(Path(name).exists() for name in names)


def test_inputs_that_change_while_the_run_goes_on(settings, inputs) -> None:
    def add(*, done: int, failed: int) -> None:
        Path("loose", "another.png").write_bytes(picture(7))

    with pytest.raises(OutputError, match="the inputs changed while the run went on; start anew"):
        parts(settings, inputs, report=add)


def test_a_worker_that_would_compute_otherwise_cannot_begin(settings, inputs) -> None:
    done = parts(settings, inputs)
    order = Order(settings, "run/", []).joining(done.record)
    OpenWorker(order).close()
    assert (order.settings.runtime.backend, order.settings.runtime.precision) == ("openvino", "fp32")
    with pytest.raises(OutputError, match=r"on the machine .*with other settings: .*leave that machine out"):
        OpenWorker(replace(order, settings=replace(order.settings, methods=("magface",))))


def test_workers_of_several_kinds_in_one_run(settings, inputs) -> None:
    whole(settings, inputs, "whole.jsonl")
    other = replace(settings, runtime=replace(settings.runtime, backend="onnxruntime"))
    parts(settings, inputs, share=Share(0, 2), mixed=True)
    done = parts(other, inputs, share=Share(1, 2), mixed=True)
    assert (done.complete, done.record.backend) == (True, "mixed")
    Path("missing.jpg").write_bytes(picture(500))
    parts(other, inputs, mixed=True, mode="retry")
    merged(out="merged.jsonl")
    rows = list(read_table(Path("merged.jsonl")))
    made = [row.pop("device") for row in rows]
    assert {str(one).partition(",")[0] for one in made} == {"openvino", "onnxruntime"}
    for row, device, was in zip(rows, made, read_table(Path("whole.jsonl")), strict=True):
        if str(device).startswith("openvino"):
            assert row == was
    with pytest.raises(OutputError, match="was made with other settings"):
        parts(settings, inputs, mode="resume")


def test_the_record_of_a_complete_run_is_not_lost(settings, inputs) -> None:
    parts(settings, inputs, share=Share(0, 2))
    record = Path("run/_fiqx/meta.json").read_bytes()
    parts(settings, inputs, share=Share(0, 2))
    assert Path("run/_fiqx/meta.json").read_bytes() == record  # another job may have ended the run meanwhile
    counts = parts(settings, inputs, share=Share(1, 2)).counts
    Path("run/_fiqx/meta.json").write_bytes(record)
    assert parts(settings, inputs, mode="resume").counts == counts
    with pytest.raises(InvalidInputError, match="--overwrite with --share would remove what the other jobs"):
        parts(settings, inputs, share=Share(0, 2), mode="overwrite")
    Path("run/_fiqx/in-hand-00000001").write_bytes(b"3")
    assert parts(settings, inputs, mode="overwrite").complete
    assert not list(Path("run/_fiqx").glob("in-hand*"))


# --- object stores -------------------------------------------------------------------------------------


def test_parts_in_an_object_store(settings, inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.fs as fs

    from fiqx_trt.faces import storage
    from support.objects import s3_server

    expected = whole(settings, inputs, "whole.csv")
    with s3_server(monkeypatch) as address:
        storage._opened.cache_clear()
        store = fs.S3FileSystem(endpoint_override=address, allow_bucket_creation=True)
        store.create_dir("scores")
        done = parts(settings, inputs, "s3://scores/run1/")
        assert done.complete
        assert merged("s3://scores/run1/") == expected
        left = "scores/run1/.part-00000001.parquet-0123456789abcdef"  # by a writer that was killed
        store.open_output_stream(left).close()
        again = parts(settings, inputs, "s3://scores/run1/", mode="resume")
        assert (again.outcome.made, again.complete) == (0, True)
        assert store.get_file_info(left).is_file  # it may have a writer yet
        monkeypatch.setattr("fiqx_trt.faces.storage.ABANDONED", -1.0)
        parts(settings, inputs, "s3://scores/run1/", mode="resume")
        assert not store.get_file_info(left).is_file
        assert parts(settings, inputs, "s3://scores/run1/", mode="overwrite").outcome.made == 7
        storage._opened.cache_clear()


def test_a_store_that_fsspec_reads_and_a_table_in_it(settings, inputs) -> None:
    fsspec = pytest.importorskip("fsspec")
    expected = whole(settings, inputs, "whole.csv")
    assert parts(settings, inputs, "memory://b/run/").complete
    merge_into_store("memory://b/run/", "memory://b/s.csv")
    with pytest.raises(OutputError, match=r"memory://b/s\.csv exists already; .*--overwrite"):
        merge_into_store("memory://b/run/", "memory://b/s.csv")
    store = fsspec.filesystem("memory")
    assert store.cat("/b/s.csv") == expected
    assert b'"complete"' in store.cat("/b/s.csv.meta.json")
    assert parts(settings, inputs, "memory://b/run/", mode="resume").outcome.made == 0


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            OSError("AWS Error SERVICE_UNAVAILABLE: the store is full"),
            "cannot write .* after 2 attempts: .* is full",
        ),
        (PermissionError("AWS Error ACCESS_DENIED"), "cannot write .*: AWS Error ACCESS_DENIED"),
    ],
)
def test_a_store_that_takes_no_parts_any_more(
    settings, inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, told: str
) -> None:
    """The units stay open, each with one line; when there is room again, nothing is lost."""
    import pyarrow.fs as fs

    from fiqx_trt.faces import storage
    from support.objects import Failing

    expected = whole(settings, inputs, "whole.csv")
    full = True

    def before(kind: str, path: str) -> None:
        number = path.partition("part-")[2][:8]
        if full and kind == "write" and number and int(number) > 1:
            raise error

    store = fs.PyFileSystem(Failing(fs.LocalFileSystem(), before))
    monkeypatch.setattr(storage, "_opened", lambda scheme, authority: (store, str(tmp_path)))
    monkeypatch.setattr(storage, "WAITS", (0.001,))
    done = parts(settings, inputs, "s3://x/run/")
    assert (done.complete, done.done) == (False, 2)
    assert list(done.outcome.open_units) == [2, 3, 4, 5, 6]
    assert all(re.match(told, one) for one in done.outcome.open_units.values())
    full = False
    assert parts(settings, inputs, "s3://x/run/", mode="resume").outcome.made == 5
    assert merged("s3://x/run/") == expected


def test_two_writers_of_one_archive(tmp_path: Path) -> None:
    """As two runs on one folder are: both write the same bytes, and none fails."""
    folder = folders.open_folder(str(tmp_path))
    with folder.create("maps-00000000.tar") as one:
        one.write(b"the same")
        with folder.create("maps-00000000.tar") as two:
            two.write(b"the same")
        assert folder.read("maps-00000000.tar") == b"the same"
    assert folder.read("maps-00000000.tar") == b"the same"
    assert folder.names() == {"maps-00000000.tar"}


def test_a_folder_that_is_a_file(settings, inputs) -> None:
    Path("run").write_text("")
    with pytest.raises(OutputError, match="run is a file; wanted the folder of a run"):
        folders.open_folder("run")
