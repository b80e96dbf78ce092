"""Score files of other programs, written by hand in each grammar."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.errors import InvalidInputError, SourceError
from fiqx_trt.importers import FORMATS, format_names, read_pair_list, read_scores
from fiqx_trt.importers.base import number
from fiqx_trt.importers.landmarks import read_landmarks
from fiqx_trt.importers.ofiq import COMPONENTS

FILES = Path(__file__).with_name("files")


def write(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "scores"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def columns(found, name):
    return {path: values[name] for path, values in found.rows.items()}


# --- path score
# ----------------------------------------------------------------------------------------------------


def test_cr_fiqa():
    found = read_scores(FILES / "cr_fiqa.txt", format="cr-fiqa")
    assert columns(found, "cr_fiqa") == {
        "/quality_data/XQLFW/images/000000.jpg": 2.1486328,
        "/quality_data/XQLFW/images/000001.jpg": 1.9912109,
        "/quality_data/XQLFW/images/my holiday 3.jpg": -0.0125,
        "/quality_data/XQLFW/images/Łódź.jpg": 2e-3,
    }
    assert list(found.rows)[2] == "/quality_data/XQLFW/images/my holiday 3.jpg"
    assert found.higher_is_better == {"cr_fiqa": True}
    assert found.duplicates == 1


def test_grafiqs_leaves_the_direction_open():
    found = read_scores(FILES / "GraFIQs_block2.txt", format="grafiqs")
    assert columns(found, "grafiqs") == {"imgs/a.jpg": 1234.5678, "imgs/b.jpg": 98.0}
    assert found.higher_is_better == {"grafiqs": None}
    assert read_scores(FILES / "GraFIQs_block2.txt", format="path-score").columns == ("score",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.jpg 0.5\nb.jpg\n", "line 2: 'b.jpg' is not a path, a blank and a score"),
        ("a.jpg 0.5\nb.jpg high\n", "line 2: the score is 'high'; a decimal number was expected"),
        ("a.jpg inf\n", "line 1: the score is 'inf'"),
        ("a.jpg 0x10\n", "line 1: the score is '0x10'"),
        ("a.jpg 1_0\n", "line 1: the score is '1_0'"),
        ("a.jpg ٣\n", "line 1: the score is '٣'"),
        (
            "a.jpg 0.5\n\nb.jpg 1\na.jpg 0.25\n",
            "line 4: 'a.jpg' has score = 0.25, but 0.5 on line 1; keep one",
        ),
        (b"a.jpg 1\n\xff.jpg 2\n", "line 2: not UTF-8 text"),
        ("", "holds no scores"),
        ("\n \n", "holds no scores"),
    ],
)
def test_path_score_errors(tmp_path, text, message):
    with pytest.raises(SourceError, match=message):
        read_scores(write(tmp_path, text), format="path-score")


def test_path_score_with_windows_line_ends_tabs_mark_and_nan(tmp_path):
    found = read_scores(write(tmp_path, "\ufeffa b.jpg\t0.5\r\nc.jpg  nan \r\n"), format="path-score")
    assert found.rows["a b.jpg"] == {"score": 0.5}
    assert math.isnan(found.rows["c.jpg"]["score"])
    twice = read_scores(write(tmp_path, "c nan\nc nan\n"), format="path-score")
    assert twice.duplicates == 1


# --- FaceQnet
# ------------------------------------------------------------------------------------------------------


def test_faceqnet():
    found = read_scores(FILES / "faceqnet.txt", format="faceqnet")
    assert columns(found, "faceqnet") == {
        "./Samples_cropped/ada.jpg": 0.61834425,
        "./Samples_cropped/group_1.jpg": 0.41,
        "./Samples_cropped/group_2.jpg": 0.0,
        "./Samples_cropped/Aaron_Peirsol_0002.jpg": 1.0,
        "./Samples_cropped/odd;name.jpg_2.jpg": 0.5,
    }
    assert found.higher_is_better == {"faceqnet": True}
    assert found.faces == {
        "./Samples_cropped/group_1.jpg": ("./Samples_cropped/group.jpg", 1),
        "./Samples_cropped/group_2.jpg": ("./Samples_cropped/group.jpg", 2),
        "./Samples_cropped/odd;name.jpg_2.jpg": ("./Samples_cropped/odd;name.jpg", 2),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.jpg;[0.5]\n", "line 1: the header is 'a.jpg;\\[0.5\\]'; 'img;score' was expected"),
        ("img;score\na.jpg 0.5\n", "line 2: 'a.jpg 0.5' has no semicolon"),
        ("img;score\na.jpg;[0.5\n", "line 2: the brackets of '\\[0.5' do not close"),
        ("img;score\na.jpg;[0.5 0.6]\n", "line 2: the score is '\\[0.5 0.6\\]'"),
        ("img;score\n;[0.5]\n", "line 2: the path is empty"),
        (
            "img;score\na.jpg;0.5\nb.jpg;0.5\na.jpg;0.4\n",
            "line 4: 'a.jpg' has faceqnet = 0.4, but 0.5 on line 2",
        ),
        ("img;score\n", "holds no scores"),
    ],
)
def test_faceqnet_errors(tmp_path, text, message):
    with pytest.raises(SourceError, match=message):
        read_scores(write(tmp_path, text), format="faceqnet")


# --- OFIQ
# ----------------------------------------------------------------------------------------------------------


def test_ofiq():
    found = read_scores(FILES / "ofiq.csv", format="ofiq")
    assert len(COMPONENTS) == 28
    assert found.columns == (*COMPONENTS, *(f"{name}.scalar" for name in COMPONENTS))
    ada = found.rows["faces/ada.jpg"]
    assert (ada["UnifiedQualityScore"], ada["UnifiedQualityScore.scalar"]) == (26.754204, 84.0)
    assert (ada["HeadPoseYaw"], ada["HeadPoseYaw.scalar"]) == (-1.0, 100.0)  # minus one degree is a value
    blind = found.rows["faces/no;face.png"]
    assert all(math.isnan(value) for value in blind.values())
    partly = found.rows["faces/Łódź 2.jpg"]
    assert math.isnan(partly["EyesOpen"])
    assert math.isnan(partly["EyesOpen.scalar"])
    assert partly["Sharpness.scalar"] == 62.0
    assert found.higher_is_better["Sharpness.scalar"] is True
    assert found.higher_is_better["UnifiedQualityScore"] is True
    assert found.higher_is_better["Sharpness"] is None


def test_ofiq_of_one_component(tmp_path):
    text = (
        "Filename;UnifiedQualityScore;UnifiedQualityScore.scalar;assessment_time_in_ms;\na.jpg;21.5;60;12\n"
    )
    assert read_scores(write(tmp_path, text), format="ofiq").rows == {
        "a.jpg": {"UnifiedQualityScore": 21.5, "UnifiedQualityScore.scalar": 60.0}
    }


def test_ofiq_tells_its_version_on_standard_output(tmp_path):
    text = (
        "[INFO] Initialization took: 812ms\nOFIQ library version: 1.0.3\n"
        "Filename;UnifiedQualityScore.native;UnifiedQualityScore.scalar;assessment_time_in_ms;\na.jpg;21.5;60;12\n"
    )
    found = read_scores(write(tmp_path, text), format="ofiq")
    assert found.version == "1.0.3"
    assert found.rows == {"a.jpg": {"UnifiedQualityScore": 21.5, "UnifiedQualityScore.scalar": 60.0}}
    assert read_scores(FILES / "ofiq.csv", format="ofiq").version is None


HEADER = "Filename;Sharpness;Sharpness.scalar;assessment_time_in_ms;\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "path,score\na,1\n",
            "line 1: the header begins with 'path,score'; 'Filename;…' with OFIQ's components",
        ),
        ("Filename;Beauty;Beauty.scalar;\n", "line 1: column 'Beauty' is none of OFIQ's components"),
        ("Filename;Sharpness;Sharpness;\n", "line 1: column 'Sharpness' stands twice"),
        ("Filename;Sharpness;\n", "line 1: there is no '.scalar' column"),
        (HEADER + "a.jpg;1;2\n", "line 2: 3 fields instead of 4"),
        (HEADER + "a.jpg;1;high;3\n", "line 2: Sharpness.scalar is 'high'"),
        (HEADER + "a.jpg;1;2;3;\n", "line 2: assessment_time_in_ms is ''"),
        (
            HEADER + "a.jpg;1;2;3\na.jpg;1;3;3\n",
            "line 3: 'a.jpg' has Sharpness.scalar = 3.0, but 2.0 on line 2",
        ),
        ("", "is empty; a CSV of OFIQ was expected"),
        (HEADER, "holds no scores"),
    ],
)
def test_ofiq_errors(tmp_path, text, message):
    with pytest.raises(SourceError, match=message):
        read_scores(write(tmp_path, text), format="ofiq")


# --- IJB
# ----------------------------------------------------------------------------------------------------------

IJB = "1.jpg 46.0 62.0 87.0 62.5 68.0 90.0 51.0 110.0 83.0 110.0 0.99\n2.jpg 1 2 3 4 5 6 7 8 9 10 0.5\n"


def test_ijbs_list_of_landmarks_gives_scores_and_points(tmp_path):
    found = read_scores(write(tmp_path, IJB), format="ijb-score")
    assert columns(found, "detection_score") == {"1.jpg": 0.99, "2.jpg": 0.5}
    assert found.higher_is_better == {"detection_score": True}
    points = read_landmarks(write(tmp_path, IJB)).locate("loose_crop/1.jpg")
    assert points.landmarks[0].tolist() == [
        [46.0, 62.0],
        [87.0, 62.5],
        [68.0, 90.0],
        [51.0, 110.0],
        [83.0, 110.0],
    ]
    with pytest.raises(SourceError, match=r"line 1: 'a.jpg 0.5' is not 'name x1 y1 … x5 y5 score'"):
        read_scores(write(tmp_path, "a.jpg 0.5\n"), format="ijb-score")


# --- MagFace
# -------------------------------------------------------------------------------------------------------


def test_magface(tmp_path):
    one = " ".join(["3.0"] + ["0"] * 510 + ["-4e0"])
    two = " ".join(["0.5"] * 512)
    found = read_scores(write(tmp_path, f"faces/a b.jpg {one} \nc.jpg {two} \n"), format="magface")
    assert columns(found, "magface") == {"faces/a b.jpg": 5.0, "c.jpg": math.sqrt(128.0)}
    assert found.higher_is_better == {"magface": True}


def test_magface_errors(tmp_path):
    numbers = " ".join(["1"] * 511)
    with pytest.raises(SourceError, match="line 1: 511 numbers instead of 512 after the path"):
        read_scores(write(tmp_path, f"a.jpg {numbers}\n"), format="magface")
    with pytest.raises(SourceError, match="line 2: number 512 of the embedding is 'x'"):
        read_scores(write(tmp_path, f"a.jpg {numbers} 1\nb.jpg {numbers} x\n"), format="magface")
    with pytest.raises(SourceError, match=r"line 2: 'a.jpg' has magface"):
        read_scores(write(tmp_path, f"a.jpg {numbers} 1\na.jpg {numbers} 2\n"), format="magface")


# --- pair files
# ----------------------------------------------------------------------------------------------------


def test_pair_files():
    pairs = read_pair_list(FILES / "pair_list.txt")
    assert [(p.first, p.second, p.genuine, p.similarity) for p in pairs] == [
        ("000000", "000001", True, 0.6412),
        ("000002", "000003", False, -0.031),
        ("000000", "000003", False, 0.0),
    ]


def test_pair_files_without_scores(tmp_path):
    pairs = read_pair_list(write(tmp_path, "a b 1\na c 0\n"))
    assert [p.similarity for p in pairs] == [None, None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a b 1\na b 1 0.5\n", "line 2: 4 fields; 'img1 img2 label' or"),
        ("a b\n", "line 1: 2 fields"),
        ("a b 2\n", "line 1: the label is '2'; 1 \\(genuine\\) or 0"),
        ("a b 1 nan\n", "line 1: the score is 'nan'; a finite number was expected"),
        ("", "holds no pairs"),
    ],
)
def test_pair_file_errors(tmp_path, text, message):
    with pytest.raises(SourceError, match=message):
        read_pair_list(write(tmp_path, text))


# --- all of them
# ---------------------------------------------------------------------------------------------------


def test_formats_are_told_never_guessed(tmp_path):
    assert set(format_names()) == set(FORMATS)
    with pytest.raises(InvalidInputError, match="no format is called 'ofik'; there are cr-fiqa, ediffiqa, "):
        read_scores(tmp_path, format="ofik")


@pytest.mark.parametrize("name", format_names())
def test_every_format_refuses_missing_and_empty_files_and_noise(name, tmp_path):
    with pytest.raises(SourceError, match=r"cannot read the score file .*No such file"):
        read_scores(tmp_path / "nothing", format=name)
    with pytest.raises(SourceError, match=r"cannot read the score file .*Is a directory"):
        read_scores(tmp_path, format=name)
    for data in (b"", bytes(range(256)) * 3, b"\x80", b"a"):
        with pytest.raises(SourceError):
            read_scores(write(tmp_path, data), format=name)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_is_a_number(value):
    assert number(repr(value)) == value
    assert number(f"{value:.17e}") == value


@given(st.text(max_size=6))
def test_what_is_taken_for_a_number_is_plain(text):
    value = number(text)
    if value is not None and not math.isnan(value):
        assert set(text.strip()) <= set("0123456789+-.eE")
