"""Pickled scores: what honest programs write is read, and a hostile pickle does nothing."""

from __future__ import annotations

import collections
import math
import os
import pickle
import pickletools
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fiqx_trt.errors import SourceError
from fiqx_trt.importers import read_scores
from fiqx_trt.pickle_reader import read_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def write(tmp_path, data):
    path = tmp_path / "quality-scores.pkl"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "kind",
    [float, int, np.float16, np.float32, np.float64, np.int64, np.uint8, lambda x: np.array([x], np.float32)],
)
def test_what_programs_write(tmp_path, protocol, kind):
    scores = {f"imgs/Łódź {i}.jpg": kind(i) for i in range(250)}
    found = read_scores(write(tmp_path, pickle.dumps(scores, protocol)), format="ediffiqa")
    assert found.rows == {path: {"ediffiqa": float(i)} for i, path in enumerate(scores)}
    assert list(found.rows) == list(scores)
    assert found.higher_is_better == {"ediffiqa": True}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_byte_order_and_ordered_dictionaries(tmp_path, protocol):
    scores = collections.OrderedDict(a=np.dtype(">f4").type(0.1), b=np.array(0.25, ">f8"), c=0.5)
    found = read_scores(write(tmp_path, pickle.dumps(scores, protocol)), format="pickle")
    assert found.rows == {"a": {"score": float(np.float32(0.1))}, "b": {"score": 0.25}, "c": {"score": 0.5}}
    assert found.higher_is_better == {"score": None}
    assert read_scores(write(tmp_path, pickle.dumps({"a": 1.0})), format="froq").columns == ("froq",)
    assert read_scores(write(tmp_path, pickle.dumps({"a": 1.0})), format="faceqan").columns == ("faceqan",)


def test_names_of_old_and_new_numpy(tmp_path):
    new = pickle.dumps({"a": np.float32(0.5)}, 2)
    for module in (b"numpy.core.multiarray", b"numpy._core.multiarray"):
        data = new.replace(b"numpy._core.multiarray", module).replace(b"numpy.core.multiarray", module)
        assert read_scores(write(tmp_path, data), format="pickle").rows == {"a": {"score": 0.5}}


@settings(max_examples=60, deadline=None)
@given(
    table=st.dictionaries(st.text(min_size=1), st.floats() | st.integers(-(10**12), 10**12), min_size=1),
    protocol=st.sampled_from(PROTOCOLS),
)
def test_reads_what_pickle_reads(table, protocol):
    assert repr(read_pickle(pickle.dumps(table, protocol), name="x")) == repr(table)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_containers(protocol):
    value = {"min_": [0.1, 2], "max_": (1.0, True, None), "empty": [{}, (), []], "raw": b"\x00\xff"}
    assert read_pickle(pickle.dumps(value, protocol), name="x") == value
    short = pickletools.optimize(pickle.dumps(value, protocol))
    assert read_pickle(short, name="x") == value


class Calls:
    """Pickles itself as a call of something."""

    def __init__(self, target, *arguments):
        self.what = (target, arguments)

    def __reduce__(self):
        return self.what


def hostile(marker):
    """What attackers write; each would create the marker when unpickled."""
    command = f"touch {marker}"
    return {
        "os.system": {"a": Calls(os.system, command)},
        "eval": {"a": Calls(eval, f"open({str(marker)!r}, 'w')")},
        "exec": Calls(exec, f"open({str(marker)!r}, 'w')"),
        "open": [Calls(open, str(marker), "w")],
        "getattr": {"a": Calls(getattr, 1, "real")},
        "numpy.load": {"a": Calls(np.load, str(marker))},
        "as a key": {Calls(str, "a"): 1.0},
        "object": {"a": collections.Counter("abc")},
        "set": {"a": {1, 2}},
        "array of objects": {"a": np.array([Calls(os.system, command)], object)},
        "record": {"a": np.zeros(1, [("x", "f4")])},
        "text array": {"a": np.array(["x"])},
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_hostile_pickle_does_nothing(tmp_path, protocol):
    marker = tmp_path / "pwned"
    before = set(sys.modules)
    for name, value in hostile(marker).items():
        with pytest.raises(SourceError, match="byte"):
            read_scores(write(tmp_path, pickle.dumps(value, protocol)), format="pickle")
        assert not marker.exists(), name
    assert set(sys.modules) == before


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            b"cos\nsystem\n(S'true'\ntR.",
            "byte 0: it asks for os.system, which is no NumPy number; the file is refused",
        ),
        (b"cthis\ns\n.", "it asks for this.s"),
        (b"c__builtin__\neval\n(S'1'\ntR.", "it asks for __builtin__.eval"),
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93.", "it asks for posix.system"),
        (b"cnumpy\nndarray\n(I2\ntR.", "a call of numpy.ndarray"),
        (b"(S'a'\nI1\nodict\n.", "the operation OBJ does not belong"),
        (b"(ios\nsystem\n.", "the operation INST does not belong to a table of numbers"),
        (b"\x80\x02}\x81.", "the operation NEWOBJ does not belong"),
        (b"S'x'\nP0\n.", "the operation PERSID does not belong"),
        (b"\x80\x02K\x01Q.", "the operation BINPERSID does not belong"),
        (b"\x80\x02\x82\x01.", "the operation EXT1 does not belong"),
        (
            b"\x80\x04cnumpy\ndtype\nX\x02\x00\x00\x00O8K\x00K\x01\x87R.",
            "a NumPy type 'O8', which is no number",
        ),
        (b"cnumpy\ndtype\n(S'f4'\nI0\nI1\ntR(S'x'\nS'!'\ntb.", "the state of an unknown object"),
        (b"cnumpy\ndtype\n.", "it holds a bare name where a number was expected"),
        (b"K\x01(tR.", "a call of something that is no known name"),
        (b"0.", "the operation POP does not belong"),
        (b"}K\x01K\x02s.", "a key is of type int; a path was expected"),
        (b"}(X\x01\x00\x00\x00aK\x01X\x01\x00\x00\x00aK\x02u.", "the key 'a' stands twice"),
        (b"]K\x01K\x02s.", "items are set on something that is no dictionary"),
        (b"}K\x01a.", "items are appended to something that is no list"),
        (b"}(K\x01u.", "items are set on something that is no dictionary"),
        (b"K\x01u.", "the stack of the pickle does not add up"),
        (b"(.", "the stack of the pickle does not add up"),
        (b"h\x05.", "byte 0"),
        (b"s.", "byte 0"),
        (b"}", "exhausted before seeing STOP"),
        (b"T\xff\xff\xff\x7fx.", "byte"),
        (b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fx.", "byte"),
        (b"", "byte 0"),
    ],
)
def test_what_is_refused_and_why(data, message):
    with pytest.raises(SourceError, match=message):
        read_pickle(data, name="evil.pkl")


def test_cycles_and_bombs_end():
    cycle: list[object] = []
    cycle.append(cycle)
    with pytest.raises(SourceError, match="containers are nested more than 8 deep"):
        read_pickle(pickle.dumps(cycle), name="x")
    bomb: object = (1.0,)
    for _ in range(60):
        bomb = (bomb, bomb)  # as a key, hashing it would take 2**60 steps; as a value, printing it would
    for value in ({"a": bomb}, [bomb]):
        with pytest.raises(SourceError, match="nested more than 8 deep"):
            read_pickle(pickle.dumps(value), name="x")
    laughs: object = [1.0] * 1000
    for _ in range(6):
        laughs = [laughs] * 1000  # 10**21 items in a few kilobytes
    with pytest.raises(SourceError, match="contain each other many times over"):
        read_pickle(pickle.dumps(laughs), name="x")
    with pytest.raises(SourceError, match="a key is of type tuple"):
        read_pickle(pickle.dumps({"x": 1.0}).replace(b"\x8c\x01x", b"K\x01\x85"), name="x")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_noise_is_refused_or_plain(data):
    try:
        value = read_pickle(data, name="x")
    except SourceError:
        return
    assert value is None or isinstance(value, (dict, list, tuple, str, bytes, bytearray, int, float))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 400), st.integers(0, 255), st.sampled_from([0, 2, 4]))
@example(16, ord("\\"), 0)  # an escape that is none
def test_a_damaged_file_is_refused_or_plain(position, byte, protocol):
    data = bytearray(
        pickle.dumps({"a.jpg": np.float32(0.5), "b.jpg": np.float64(0.25), "c.jpg": 1.0}, protocol)
    )
    data[position % len(data)] = byte
    try:
        value = read_pickle(bytes(data), name="x")
    except SourceError:
        return
    assert value is None or isinstance(value, (dict, list, tuple, str, bytes, bytearray, int, float))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([0.5], "holds a list; a dictionary from paths to numbers was expected"),
        ({"a": "high"}, "the score of 'a' is high; one finite number was expected"),
        ({"a": [0.1, 0.2]}, r"the score of 'a' is \[0.1, 0.2\]; one finite number was expected"),
        ({"a": True}, "the score of 'a' is True"),
        ({"a": math.inf}, "the score of 'a' is inf"),
        ({"a": None}, "the score of 'a' is None"),
        ({}, "holds no scores"),
        ({"": 1.0}, "the path is empty"),
    ],
)
def test_tables_that_are_no_scores(tmp_path, table, message):
    with pytest.raises(SourceError, match=message):
        read_scores(write(tmp_path, pickle.dumps(table)), format="pickle")


def test_nan_is_a_missing_score(tmp_path):
    found = read_scores(write(tmp_path, pickle.dumps({"a": np.float32("nan")})), format="pickle")
    assert math.isnan(found.rows["a"]["score"])
