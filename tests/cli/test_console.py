"""What a terminal is sent: text that it prints, never text that it obeys."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from fiqx_trt.cli import console
from fiqx_trt.text import printable

#: Escape sequences, one-byte controls (C1), the turn of the writing direction, a line separator, a lone surrogate.
EVIL = "\x1b[31m\x1b]0;title\x07 \x9b2J \u202etxt.exe\u2066 \u2028 \udce9 \x7f\r\x08"
KEPT = "café 日本 [red]x[/red] :boom: 100 % · ‖A‖ – \u202f’"


def obeyed(text: str) -> list[str]:
    return [c for c in text if not c.isprintable() and c not in " \n\u202f"]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    logger, others = logging.getLogger("fiqx_trt"), logging.getLogger("py.warnings")
    before = logger.handlers, logger.propagate, others.handlers, others.propagate
    with warnings.catch_warnings():
        yield
        logging.captureWarnings(False)
    logger.handlers, logger.propagate, others.handlers, others.propagate = before


def log(text: str) -> None:
    console.configure_logging()
    logging.getLogger("fiqx_trt.faces").warning("picture %s", text)


def warn(text: str) -> None:
    console.configure_logging()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn(text, stacklevel=1)


WAYS: dict[str, Callable[[str], None]] = {
    "say": console.say,
    "complain": console.complain,
    "tell": console.tell,
    "table": lambda text: console.table(text, (text, "x"), [(text, "y")]),
    "log": log,
    "warning": warn,
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_steers_the_terminal(way: str, capfd: pytest.CaptureFixture[str]) -> None:
    WAYS[way](f"a{EVIL}b")
    out, err = capfd.readouterr()
    assert obeyed(out + err) == []
    assert r"\x1b[31m" in (out + err).replace("\n", "")


@pytest.mark.parametrize("way", WAYS)
def test_what_is_harmless_stays_as_it_is(way: str, capfd: pytest.CaptureFixture[str]) -> None:
    WAYS[way](KEPT)
    out, err = capfd.readouterr()
    assert KEPT in (out + err).replace("\n", "")


def test_printable_keeps_names_apart() -> None:
    assert printable(KEPT) == KEPT
    assert len({printable(text) for text in ("a\x1bb", "a\x9bb", "a\u202eb", "ab")}) == 4


def test_a_message_with_line_breaks_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    console.complain("first\n  second\r\nthird")
    assert capfd.readouterr().err == "error: first second third\n"


def test_names_from_files_reach_the_terminal_escaped(cli, tmp_path: Path, crops: Path) -> None:
    evil = tmp_path / "m\x1b[31m.onnx"
    evil.write_bytes(b"no model")
    table = tmp_path / "t.csv"
    table.write_text("na\x1b[2Jme,score\nx,1\n")
    for arguments in (
        ("model", "inspect", evil),
        ("score", tmp_path / "no\x1b[2J\x9bwhere", "--out", tmp_path / "s.csv"),
        ("score", table, "--out", tmp_path / "s.csv"),
        ("score", crops, "--aligned", "--out", tmp_path / "s\x1b]0;x\x07.txt"),
        ("score", crops, "--aligned", "--out", tmp_path / "s.csv", "--method", "\x1b[31m"),
    ):
        result = cli(*arguments)
        assert result.code in (1, 2), arguments
        assert obeyed(result.out + result.err) == [], arguments
        assert "x1b" in result.err


def test_an_error_keeps_its_markup(cli) -> None:
    assert "[red]" in cli("model", "inspect", "[red]").err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_command_runs_is_one_line(
    number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    import typer

    from fiqx_trt.cli.main import guarded

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(typer.Exit) as left:
        guarded(lambda: (os.kill(os.getpid(), number), time.sleep(5)))()
    assert left.value.exit_code == 128 + number
    assert capfd.readouterr().err in ("error: interrupted\n", "error: terminated\n")
    assert signal.getsignal(signal.SIGTERM) is before


def _import_interrupted(*_: object) -> None:
    """As pybind11 leaves a module whose initialisation Ctrl-C ended."""
    raise ImportError("initialization failed") from KeyboardInterrupt()


@pytest.mark.parametrize(
    "place", ["fiqx_trt.runtime.openvino.unavailable", "fiqx_trt.models.load.read_hashed"]
)
def test_ctrl_c_while_a_package_is_imported_is_no_missing_package(
    cli, recogniser: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(place, _import_interrupted)
    cv2.imwrite(str(tmp_path / "a.png"), np.full((32, 32, 3), 90, np.uint8))
    ended = cli("score", tmp_path / "a.png", "--aligned", "--model", recogniser, "--out", tmp_path / "s.csv")
    assert (ended.code, ended.err) == (130, "error: interrupted\n")


def test_doctor_does_not_take_ctrl_c_for_a_fault(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fiqx_trt.models.probe.probe_faces", _import_interrupted)
    ended = cli("doctor")
    assert (ended.code, ended.err) == (130, "error: interrupted\n")


def test_ctrl_c_while_the_commands_are_loaded_is_one_line() -> None:
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from fiqx_trt.__main__ import main; main()"
    seen = set()
    for delay in (0.08, 0.15, 0.3, 0.45):
        process = subprocess.Popen(
            [sys.executable, "-c", code, "doctor"],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        while not Path(f"/proc/{process.pid}/maps").read_text().count("fiqx_trt") and process.poll() is None:
            if "numpy" in Path(f"/proc/{process.pid}/maps").read_text():
                break
            time.sleep(0.002)
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=600)
        seen.add((process.returncode, err))
    assert seen == {(130, "error: interrupted\n")}


def test_importing_the_package_is_cheap() -> None:
    code = "import sys, fiqx_trt.__main__; print([m for m in ('numpy', 'typer', 'fiqx_trt._core') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
