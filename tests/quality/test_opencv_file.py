"""OpenCV's files against OpenCV's own writer, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from fiqx_trt.quality._opencv_file import parse_opencv


@pytest.mark.parametrize("suffix", [".yml", ".xml", ".yml.gz"])
def test_what_opencv_writes_is_read(tmp_path: Path, suffix: str) -> None:
    values = np.random.default_rng(1).standard_normal((2, 40)) * 10.0 ** np.arange(-20, 20)
    path = tmp_path / f"f{suffix}"
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    storage.write("range", values)
    storage.startWriteStruct("model", cv2.FILE_NODE_MAP)
    storage.write("svmType", "EPS_SVR")
    storage.write("gamma", 0.05)
    storage.startWriteStruct("vectors", cv2.FILE_NODE_SEQ)
    for row in values:
        storage.startWriteStruct("", cv2.FILE_NODE_SEQ | cv2.FILE_NODE_FLOW)
        for number in row:
            storage.write("", float(number))
        storage.endWriteStruct()
    storage.endWriteStruct()
    storage.startWriteStruct("decisions", cv2.FILE_NODE_SEQ)
    storage.startWriteStruct("", cv2.FILE_NODE_MAP)
    storage.write("rho", -1.5)
    storage.endWriteStruct()
    storage.endWriteStruct()
    storage.endWriteStruct()
    storage.release()
    data = path.read_bytes()
    if suffix.endswith(".gz"):
        with pytest.raises(ValueError, match="codec can't decode"):
            parse_opencv(data)
        return
    found = parse_opencv(data)
    assert (found["range"]["rows"], found["range"]["cols"], found["range"]["dt"]) == (2, 40, "d")
    np.testing.assert_array_equal(np.reshape(found["range"]["data"], (2, 40)), values)
    assert found["model"]["svmType"] == "EPS_SVR"
    assert found["model"]["gamma"] == 0.05
    np.testing.assert_array_equal(found["model"]["vectors"], values)
    assert found["model"]["decisions"] == [{"rho": -1.5}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("%YAML:1.0\n---\na: [ 1, 2\n", "a bracket is never closed"),
        ("%YAML:1.0\n---\na: 1\n   b: 2\n", "the indentation of 'b: 2' fits nothing above it"),
        ("%YAML:1.0\n---\nnothing\n", "'nothing' is no 'name: value'"),
        ("%YAML:1.0\n" + "".join(f"{' ' * i}a:\n" for i in range(99)), "nested more than 16 deep"),
        ("- 1\n- 2\n", "fits nothing above it"),
        ("<?xml version='1.0'?><a></a>", "it is no <opencv_storage>"),
        ("<?xml version='1.0'?><opencv_storage>", "no element found"),
        ("<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><opencv_storage/>", "it declares entities"),
        (
            "<?xml version='1.0'?><opencv_storage>" + "<a>" * 99 + "</a>" * 99 + "</opencv_storage>",
            "more than 16 deep",
        ),
    ],
)
def test_what_opencv_does_not_write_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_opencv(text.encode())
