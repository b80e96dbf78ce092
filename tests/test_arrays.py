"""Files of arrays that are damaged or foreign."""

from __future__ import annotations

import io
import os
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fiqx_trt.arrays import load_arrays
from fiqx_trt.errors import SourceError

ARRAYS = {
    "a": np.arange(12, dtype=np.float32).reshape(3, 4),
    "f": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "text": np.array(["x", "łódź"]),
    "empty": np.zeros((0, 5)),
    "one": np.array(7.5),
    "flags": np.array([True, False]),
}


def content(write=np.savez) -> bytes:
    out = io.BytesIO()
    write(out, **ARRAYS)
    return out.getvalue()


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_reads_what_numpy_writes(tmp_path: Path, write) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(content(write))
    found = load_arrays(path)
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
        assert found[name].flags.writeable


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_one_error(tmp_path: Path, data) -> None:
    whole = content(data.draw(st.sampled_from([np.savez, np.savez_compressed])))
    if data.draw(st.booleans()):
        broken = bytearray(whole[: data.draw(st.integers(0, len(whole) - 1))])
    else:
        broken = bytearray(whole)
        for _ in range(data.draw(st.integers(1, 4))):
            broken[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "a.npz"
    path.write_bytes(broken)
    try:
        load_arrays(path)
    except SourceError as error:
        assert "a.npz" in str(error)  # noqa: PT017 -- damage in padding is none


def test_an_announced_array_takes_no_memory(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 20, 1 << 12)}
    )
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", header.getvalue() + b"\0" * 100)
    tracemalloc.start()
    with pytest.raises(SourceError, match=r"an array of \(1048576, 4096\) float64 in"):
        load_arrays(path)
    assert tracemalloc.get_traced_memory()[1] < 10 << 20
    tracemalloc.stop()


def test_objects_and_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, a=np.array([{}], object))
    with pytest.raises(SourceError, match="holds no arrays that can be read"):
        load_arrays(path)
    path.write_text("hello")
    with pytest.raises(SourceError, match="BadZipFile"):
        load_arrays(path)
    with pytest.raises(SourceError, match="cannot read"):
        load_arrays(tmp_path / "none.npz")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="a pipe, not a regular file"):
        load_arrays(tmp_path / "pipe")
