"""scripts/gpu_check as far as it goes without a GPU: arguments, stages that fail, table, JSON, and the refusal."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import types
from pathlib import Path

import pytest

from fiqx_trt.runtime.machine import cuda_missing

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
no_gpu = pytest.mark.skipif(cuda_missing() is None, reason="this machine has a CUDA device")


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> types.ModuleType:
    """Load the script, with a build folder of its own and the word that there is a GPU."""
    loader = importlib.machinery.SourceFileLoader("gpu_check", str(SCRIPTS / "gpu_check"))
    spec = importlib.util.spec_from_loader("gpu_check", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setitem(sys.modules, "gpu_check", module)
    loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "BUILD", tmp_path / "build")
    monkeypatch.setattr(module, "missing_gpu", lambda: None)
    (tmp_path / "build").mkdir()
    return module


@no_gpu
def test_without_a_gpu_one_line_and_another_exit_status(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPTS / "gpu_check"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"gpu_check: (no CUDA|the CUDA) driver.*; nothing was run\n", done.stderr)
    assert list(tmp_path.iterdir()) == []


def test_the_stages_are_listed(check: types.ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main(["--list"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == [
        "machine", "build", "native", "twins", "tests", "marked", "pipeline", "benchmarks", "tensorrt", "sanitizer"
    ]  # fmt: skip


@pytest.mark.parametrize("option", ["--only", "--skip"])
def test_a_stage_that_does_not_exist(
    check: types.ModuleType, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        check.main([option, "build,twin"])
    assert left.value.code == 2
    assert f"{option}: no stage named twin; there are machine, build," in capsys.readouterr().err


def stages(check: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def good(deadline: float) -> object:
        return check.Result("ok", "3 passed", {"GB/s": 4000})

    def bad(deadline: float) -> object:
        raise check.StageError("exit status 1: E  assert 1 == 2")

    def absent(deadline: float) -> object:
        raise check.LeftOutError("not installed")

    def broken(deadline: float) -> object:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(
        check, "STAGES", {"benchmarks": good, "tests": bad, "tensorrt": absent, "build": broken}
    )


def test_a_failing_stage_costs_the_others_nothing(
    check: types.ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stages(check, monkeypatch)
    out = tmp_path / "result.json"
    assert check.main(["--out", str(out)]) == 1
    content = json.loads(out.read_text())
    assert re.match(r"\d{4}-\d\d-\d\dT", content["date"])
    assert {name: stage["state"] for name, stage in content["stages"].items()} == {
        "benchmarks": "ok", "tests": "failed", "tensorrt": "left out", "build": "failed"
    }  # fmt: skip
    assert content["stages"]["benchmarks"]["numbers"] == {"GB/s": 4000}
    assert content["stages"]["build"]["detail"] == "ZeroDivisionError: oops"
    table = capsys.readouterr().out
    assert re.search(r"^tests +failed +0\.\d  exit status 1: E  assert 1 == 2$", table, re.M)
    assert re.search(r"^tensorrt +left out +0\.\d  not installed$", table, re.M)
    assert re.search(r"^  GB/s +4000$", table, re.M)
    assert not list(tmp_path.glob(".*partial"))


def test_what_is_left_out_is_no_failure(
    check: types.ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stages(check, monkeypatch)
    out = str(tmp_path / "r.json")
    assert check.main(["--only", "benchmarks,tensorrt", "--out", out]) == 0
    assert check.main(["--skip", "tests,build", "--out", out]) == 0
    assert list(json.loads(Path(out).read_text())["stages"]) == ["benchmarks", "tensorrt"]


def test_a_missed_promise_has_an_exit_status_of_its_own(
    check: types.ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Measured, kept and noted as `gpu_measure` does; a stage that failed outweighs it."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    timing = importlib.import_module("gpu_timing")
    monkeypatch.setattr(timing, "DRY", False)
    monkeypatch.setattr(
        check, "STAGES", {name: lambda deadline: results.pop(0) for name in ("pipeline", "build")}
    )
    for share, build, status in ((0.91, "ok", 0), (0.5, "ok", 3), (0.5, "failed", 1)):
        report = timing.Report()
        report.promise("SER-FIQ, closed form", share, 0.9)
        results = [check.Result("ok", "", report.numbers), check.Result(build, "")]
        assert check.main(["--out", str(tmp_path / "r.json")]) == status
        told = capsys.readouterr().out
        assert ("promises missed\n  promise: SER-FIQ, closed form: 0.500, at least 0.9: missed" in told) == (
            share < 0.9
        )


def test_a_stage_has_a_time_of_its_own(check: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    monkeypatch.setattr(
        check, "STAGES", {"twins": lambda deadline: given.append(deadline) or check.Result("ok", "")}
    )
    for minutes in (1e9, 30.0):
        start = time.monotonic()
        check.perform("twins", start + minutes)
        assert given[-1] == pytest.approx(start + min(minutes, check.BOXES["twins"]), abs=1)
    monkeypatch.undo()
    assert set(check.BOXES) == set(check.STAGES)
    assert check.arguments([]).minutes == 8


def test_every_marked_test_is_run(check: types.ModuleType) -> None:
    """By one of the stages twins, tests (all of tests/kernels) and marked."""
    root = SCRIPTS.parent
    marks = ("@pytest.mark.cuda", "pytestmark = pytest.mark.cuda")
    found = {
        str(file.relative_to(root))
        for file in (root / "tests").rglob("test_*.py")
        if any(line.startswith(marks) for line in file.read_text(encoding="utf-8").splitlines())
    }
    assert {name for name in found if not name.startswith("tests/kernels/")} == set(check.MARKED)
    assert all((root / name).is_file() for name in check.TWINS)


def test_the_logs_are_kept_in_one_archive(
    check: types.ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stages(check, monkeypatch)
    check.run("some", [sys.executable, "-c", "print('telling')"], later())
    (check.BUILD / "cmake").mkdir()
    check.main(["--only", "benchmarks", "--out", str(tmp_path / "r.json")])
    with tarfile.open(tmp_path / "r.tgz") as logs:
        assert sorted(logs.getnames()) == ["gpu_check/r.json", "gpu_check/some.log"]
        member = logs.extractfile("gpu_check/some.log")
        assert member is not None
        assert member.read() == b"telling\n"


def test_a_warning_and_a_file_that_cannot_be_imported_cost_the_others_nothing(
    check: types.ModuleType, tmp_path: Path
) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (folder / "test_one.py").write_text("import warnings\n\ndef test_one():\n    warnings.warn('old')\n")
    assert check.pytest("t", later(), "tests").detail.startswith("1 passed")
    (folder / "test_two.py").write_text("from fiqx_no_such import x\n")
    with pytest.raises(check.StageError, match="exit status 1"):
        check.pytest("t", later(), "tests")
    assert "1 passed" in (check.BUILD / "t.log").read_text()


def later() -> float:
    return time.monotonic() + 60


def test_a_command_that_fails_is_told_by_its_last_words(check: types.ModuleType, tmp_path: Path) -> None:
    code = "import os; print('E   assert 1 == 2'); print('tail'); raise SystemExit(3)"
    with pytest.raises(check.StageError, match=r"exit status 3: E   assert 1 == 2 \(see build/x.log\)"):
        check.run("x", [sys.executable, "-c", code], later())
    assert (tmp_path / "build" / "x.log").read_text() == "E   assert 1 == 2\ntail\n"
    with pytest.raises(check.StageError, match="no-such-tool is not installed"):
        check.run("x", ["no-such-tool"], later())
    with pytest.raises(check.StageError, match="it ran out of time"):
        check.run("x", [sys.executable, "-c", "import time; time.sleep(30)"], time.monotonic() + 0.5)
    with pytest.raises(check.LeftOutError, match="no time is left of its own or of --minutes"):
        check.run("x", ["true"], time.monotonic() - 1)


def test_commands_may_not_skip_gpu_tests(check: types.ModuleType) -> None:
    code = "import os; print(os.environ['FIQX_REQUIRE_CUDA'], os.environ['PYTHONPATH'], os.environ['FIQX_CACHE_DIR'])"
    told = check.run("env", [sys.executable, "-c", code], later()).split()
    assert told[0] == "1"
    assert told[1].startswith(str(check.ROOT / "python"))
    assert told[2] == str(check.BUILD / "cache")


def test_tests_that_need_what_is_missing_are_named_and_left_out(
    check: types.ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_one.py").write_text("def test_one():\n    assert True\n")
    (folder / "test_two.py").write_text(
        "from no_such_package import x\n\ndef test_two():\n    assert False\n"
    )
    monkeypatch.setattr(check, "OPTIONAL", ("no_such_package",))
    result = check.pytest("t", later(), "tests")
    assert result.detail.startswith("1 passed")
    assert result.detail.endswith("1 files left out for want of no_such_package")
    assert result.numbers == {"files_left_out": ["tests/test_two.py"]}
    with pytest.raises(check.StageError, match="exit status 5"):
        check.pytest("t", later(), "tests", "-k", "nothing")


def test_numbers_come_from_the_last_line_of_the_measurements(check: types.ModuleType, tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts" / "gpu_measure.py"
    script.write_text(
        'print(\'noise\')\nprint(\'{"detail": "fine", "numbers": {"a": 1}, "problems": []}\')\n'
    )
    assert check.measure("pipeline", later()) == check.Result("ok", "fine", {"a": 1})
    script.write_text('print(\'{"detail": "", "numbers": {}, "problems": ["wrong", "slow"]}\')\n')
    assert check.measure("pipeline", later()) == check.Result("failed", "wrong; slow", {})


def test_a_machine_with_a_gpu_and_no_sanitizer(
    check: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check.shutil, "which", lambda name: None)
    with pytest.raises(check.LeftOutError, match="compute-sanitizer is not on PATH"):
        check.sanitizer(later())


def test_a_dry_run_takes_the_code_of_every_stage_without_openvino_and_tensorrt(tmp_path: Path) -> None:
    """On the processor and in small: tests are collected, the network is a small one, nothing that is measured counts."""
    pytest.importorskip("torch")
    if shutil.which("cmake") is None or shutil.which("ninja") is None:
        pytest.skip("there is no cmake or no ninja")
    missing = "import sys\nsys.modules.update(dict.fromkeys(['openvino', 'tensorrt', 'pycuda']))\n"
    (tmp_path / "sitecustomize.py").write_text(missing)
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, SCRIPTS / "gpu_check", "--dry-run", "--out", tmp_path / "r.json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads((tmp_path / "r.json").read_text())["stages"]
    assert done.returncode == 0, found
    assert {name: stage["state"] for name, stage in found.items()} == {
        "machine": "ok", "build": "ok", "native": "ok", "twins": "ok", "tests": "ok", "marked": "ok",
        "pipeline": "ok", "benchmarks": "ok", "tensorrt": "left out", "sanitizer": "ok",
    }  # fmt: skip
    promises = [name for stage in found.values() for name in stage["numbers"] if name.startswith("promise: ")]
    for part in ("SER-FIQ", "Score-CAM", "face_input", "pixel_moments"):
        assert any(part in name for name in promises), part
    assert "; racecheck: " in found["sanitizer"]["detail"]
    with tarfile.open(tmp_path / "r.tgz") as logs:
        assert {"gpu_check/twins.log", "gpu_check/racecheck.log"} <= set(logs.getnames())


@no_gpu
def test_the_measurements_say_what_they_could_not_do() -> None:
    pytest.importorskip("torch")
    done = subprocess.run(
        [sys.executable, SCRIPTS / "gpu_measure.py", "benchmarks"],
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["numbers"] == {}
    assert report["problems"][0].startswith("benchmarks: ")
