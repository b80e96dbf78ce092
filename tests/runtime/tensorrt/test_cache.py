"""Engines in the cache: what they are kept under, what is never loaded, builders that come at once."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fiqx_trt.errors import BackendError
from fiqx_trt.runtime import Session, open_session
from fiqx_trt.runtime.tensorrt import driver
from fiqx_trt.runtime.tensorrt.cache import EngineCache, key_of
from runtime.small_nets import images, residual_net
from runtime.tensorrt import fake_driver
from runtime.tensorrt.fake_world import World
from runtime.tensorrt.signatures import VERSIONS

NET = residual_net()


def opened(net: object = NET, **options: object) -> Session:
    return open_session(net, backend="tensorrt", **{"precision": "fp32", "max_batch": 2, **options})  # type: ignore[arg-type]


def only(suffix: str) -> Path:
    (file,) = EngineCache().folder.glob(f"*{suffix}")
    return file


def test_a_second_start_loads_what_the_first_built(world: World) -> None:
    x = images(3)
    with opened() as session:
        assert session.notes[2].startswith("the engine was built in")
        expected = session.run({"image": x})
    with opened() as session:
        assert session.notes[2] == "the engine is from the cache"
        for name, value in session.run({"image": x}).items():
            np.testing.assert_array_equal(value, expected[name])
    assert len(world.builds) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda patch: opened(residual_net(seed=4)).close(),
        lambda patch: opened(max_batch=3).close(),
        lambda patch: opened(precision="fp16").close(),
        lambda patch: (patch.setattr(fake_driver, "NAME", b"Fake H2"), opened().close()),
        lambda patch: (patch.setattr(fake_driver, "CAPABILITY", (9, 1)), opened().close()),
        lambda patch: (patch.setattr(fake_driver, "MULTIPROCESSORS", 144), opened().close()),
        lambda patch: (patch.setattr(fake_driver, "CUDA", 13010), opened().close()),
    ],
    ids=["weights", "batch", "precision", "card", "capability", "multiprocessors", "driver"],
)
def test_whatever_an_engine_depends_on_is_in_its_key(
    latest: World, monkeypatch: pytest.MonkeyPatch, change: Callable[[pytest.MonkeyPatch], None]
) -> None:
    opened().close()
    change(monkeypatch)
    assert len(latest.builds) == 2
    opened().close()


def test_another_version_of_tensorrt_builds_its_own(install: Callable[..., World]) -> None:
    for version in VERSIONS[:2]:
        world = install(version)
        opened().close()
        assert len(world.builds) == 1
    assert len(EngineCache().entries()) == 2


def test_the_side_car_tells_what_the_engine_is(latest: World) -> None:
    opened().close()
    about = json.loads(only(".json").read_text())
    assert about["program"] == "fiqx_trt"
    assert about["key"] == only(".plan").stem
    assert about["nbytes"] == only(".plan").stat().st_size
    expected = {
        "tensorrt": VERSIONS[-1], "name": "Fake H1", "capability": "9.0", "multiprocessors": 132,
        "precision": "fp32", "batch": 2, "workspace": 4 << 30, "level": 3, "label": "the given model",
    }  # fmt: skip
    assert {name: about[name] for name in expected} == expected
    assert only(".plan").stat().st_mode & 0o077 == 0


def damage(change: Callable[[Path, Path], None]) -> None:
    change(only(".plan"), only(".json"))


DAMAGES: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "bit": (
        lambda plan, car: plan.write_bytes(plan.read_bytes()[:-1] + bytes([plan.read_bytes()[-1] ^ 1])),
        "its content is not what was written",
    ),
    "truncated": (
        lambda plan, car: plan.write_bytes(plan.read_bytes()[:100]),
        "its content is not what was written",
    ),
    "no side-car": (lambda plan, car: car.unlink(), "No such file"),
    "no plan": (lambda plan, car: plan.unlink(), "No such file"),
    "another program": (
        lambda plan, car: car.write_text(car.read_text().replace("fiqx_trt", "other")),
        "its side-car file is not of this program",
    ),
    "another engine": (
        lambda plan, car: car.write_text(car.read_text().replace(plan.stem, "0" * 64)),
        "its side-car file belongs to another engine",
    ),
    "no JSON": (lambda plan, car: car.write_text("{"), "Expecting property name"),
    "others may write": (lambda plan, car: plan.chmod(0o666), "others may write it"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_plan_that_this_program_did_not_write_is_never_loaded(
    latest: World, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    opened().close()
    change, reason = DAMAGES[name]
    change(only(".plan"), only(".json"))
    with caplog.at_level(logging.WARNING), opened() as session:
        assert session.notes[2].startswith("the engine was built in")
        assert np.isfinite(session.run({"image": images(1)})[session.outputs[0].name]).all()
    assert any(reason in record.getMessage() for record in caplog.records)
    assert len(latest.builds) == 2
    opened().close()
    assert len(latest.builds) == 2  # what was built again is whole again


def test_a_link_to_a_plan_elsewhere_is_not_followed(latest: World, tmp_path: Path) -> None:
    opened().close()
    plan = only(".plan")
    moved = plan.rename(tmp_path / "elsewhere.plan")
    plan.symlink_to(moved)
    opened().close()
    assert len(latest.builds) == 2


def test_a_plan_exchanged_while_it_is_loaded_is_never_taken(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    cache.store("k", b"good" * 1000, {})
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for data in (b"evil" * 1000, b"good" * 1000):
                (tmp_path / "new").write_bytes(data)
                (tmp_path / "new").replace(tmp_path / "k.plan")

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        found = [cache.load("k") for _ in range(2000)]
    finally:
        stop.set()
        thread.join()
    assert {None, b"good" * 1000}.issuperset(found)


def test_a_plan_that_tensorrt_does_not_take_is_built_again_once(latest: World) -> None:
    opened().close()
    cache, key = EngineCache(), only(".plan").stem
    cache.store(key, b"FAKEPLAN\x02\x00\x00\x00{}".replace(b"FAKE", b"GONE"), {})
    opened().close()
    assert len(latest.builds) == 2


def test_the_timing_cache_is_carried_on(latest: World) -> None:
    opened().close()
    opened(max_batch=3).close()
    assert [build["timings"] for build in latest.builds] == [1, 2]


def test_a_timing_cache_of_another_version_is_begun_anew(latest: World) -> None:
    opened().close()
    EngineCache().store_timings(only(".timings").stem, b'{"version": "10.0.0.0", "measured": 7}')
    opened(max_batch=3).close()
    assert latest.builds[1]["timings"] == 1


def test_the_driver_tells_its_version_in_full(
    latest: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = tmp_path / "version"
    told.write_text(
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\nGCC version: 12\n"
    )
    monkeypatch.setattr(driver, "VERSION_FILE", told)
    opened().close()
    assert json.loads(only(".json").read_text())["driver"] == "13.0 580.65.06"


def test_builders_that_come_at_once_build_once(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    inside: list[int] = []
    most: list[int] = []

    def build() -> None:
        with cache.lock("a"):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=build) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    assert max(most) == 1
    assert len(most) == 6


def test_a_folder_that_cannot_be_written_costs_the_keeping_only(
    latest: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path, data: bytes, *, private: bool) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fiqx_trt.runtime.tensorrt.cache.write_atomic", full)
    with caplog.at_level(logging.WARNING), opened() as session:
        assert session.run({"image": images(1)})
    assert any(
        "the engine is not kept and will be built again next time" in r.getMessage() for r in caplog.records
    )
    assert not EngineCache().entries()


def test_clearing_forgets_all_of_it(latest: World) -> None:
    opened().close()
    cache = EngineCache()
    size = only(".plan").stat().st_size
    (cache.folder / "notes.txt").write_text("mine")
    assert [(e.about["label"], e.nbytes) for e in cache.entries()] == [("the given model", size)]
    assert cache.clear() == (1, size)
    assert cache.clear() == (0, 0)
    assert [p.suffix for p in cache.folder.iterdir() if p.suffix != ".npz"] == [".txt"]


def test_keys_depend_on_every_part() -> None:
    base = {"a": 1, "b": "x"}
    assert key_of(base) == key_of(dict(reversed(base.items())))
    assert len({key_of(base), key_of({**base, "a": 2}), key_of({**base, "c": 1}), key_of({"a": 1})}) == 4


def test_a_failed_build_keeps_nothing(latest: World) -> None:
    latest.faults.build_fails = True
    with pytest.raises(BackendError, match="cannot build an engine"):
        opened(max_batch=1)
    assert not EngineCache().entries()
