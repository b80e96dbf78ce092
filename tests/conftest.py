"""Fixtures shared by all tests."""

from __future__ import annotations

import gc
import importlib.abc
import importlib.util
import os
import signal
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

# Idle threads of OpenMP (torch) and of NumPy's BLAS sleep instead of spinning until their next piece of work: the same threads
# and bits at a third of the CPU time. Both read this when they are loaded, in child processes too.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")

# A shell starts what runs in the background with SIGINT ignored, and child processes inherit that; tests send it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class ChosenCore(importlib.abc.MetaPathFinder):
    """Finds the extension where FIQX_CORE says: a build of another preset, such as the emulated one."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != "fiqx_trt._core":
            return None
        return importlib.util.spec_from_file_location(name, os.environ["FIQX_CORE"])


if "FIQX_CORE" in os.environ:
    sys.meta_path.insert(0, ChosenCore())

from fiqx_trt import _core  # noqa: E402 -- the chosen one
from support.files import faces_folder, yunet_path  # noqa: E402

if importlib.util.find_spec("hypothesis"):  # a machine with a GPU may lack it
    from hypothesis import settings

    # The same examples in every run; `--hypothesis-profile=explore` draws others.
    settings.register_profile("repeatable", derandomize=True, deadline=None)
    settings.register_profile("explore", deadline=None)
    settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest (examples, docs, other BLAS kernels), so that several processes end together."""
    here = Path(__file__).parent
    items.sort(key=lambda item: item.path.parent != here)


def pytest_sessionfinish() -> None:
    """Close the browser that tests of pages opened."""
    from support.browser import close_browser

    close_browser()


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep converted models and tuned settings in one cache of this run: of child processes and of pytest-xdist's too."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    folder.mkdir(mode=0o700, exist_ok=True)
    os.environ.setdefault("FIQX_CACHE_DIR", str(folder))


@pytest.fixture(scope="module", autouse=True)
def _fresh_heap() -> None:
    """Let the garbage collector go through the objects of one test file, and not through all imported modules each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a new folder the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def development_faces() -> Path:
    """Where the folder of messy real photos beside the checkout would be."""
    return faces_folder()


@pytest.fixture(scope="session")
def shared_faces(development_faces: Path) -> Path:
    """That folder; tests that need it skip where it is absent."""
    if not development_faces.is_dir():
        pytest.skip(f"no development faces at {development_faces} (set FIQX_FACES to a folder of photos)")
    return development_faces


@pytest.fixture(scope="session")
def yunet_file() -> Path:
    """The file of the detector YuNet; tests that need it skip where it is absent."""
    path = yunet_path()
    if not path.is_file():
        pytest.skip(f"no {path} (set FIQX_MODELS to a folder with the file)")
    return path


@pytest.fixture(scope="session")
def mobilefacenet_file(_own_cache: None) -> Path:
    """The default recogniser's file, fetched once as any user's first run fetches it; skips where it cannot be had."""
    from fiqx_trt.errors import ModelUnavailableError
    from fiqx_trt.zoo import fetch, known

    entry = known("mobilefacenet")
    assert entry is not None
    try:
        path = fetch(entry).path
    except ModelUnavailableError as error:
        pytest.skip(str(error))
    assert path is not None
    return path


# The order in which an emulated device takes its threads, and when its streams run; the bits must be the same.
EMULATED = [("forward", "now"), ("reverse", "now"), ("shuffle", "late")]
if "FIQX_EMULATED_ORDER" in os.environ:
    EMULATED = [(os.environ["FIQX_EMULATED_ORDER"], "late")]


@pytest.fixture(params=EMULATED if _core.cuda_emulated else [("device", "")], ids="-".join)
def cuda(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., _core.DeviceArray]:
    """Skips without a device; with FIQX_REQUIRE_CUDA=1 that is a failure instead."""
    if _core.cuda_emulated:
        monkeypatch.setenv("FIQX_EMULATED_ORDER", request.param[0])
        monkeypatch.setenv("FIQX_EMULATED_STREAMS", request.param[1])
    if _core.cuda_device_count() == 0:
        if os.environ.get("FIQX_REQUIRE_CUDA") == "1":
            pytest.fail(f"FIQX_REQUIRE_CUDA=1, but {_core.cuda_reason()}")
        pytest.skip(_core.cuda_reason())
    return _core.DeviceArray.from_host
