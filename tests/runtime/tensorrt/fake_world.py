"""What the classes of the fake tensorrt share, and what goes wrong in their world."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from runtime.tensorrt.fake_gpu import FakeGpu
from runtime.tensorrt.signatures import Api

MAGIC = b"FAKEPLAN"
KINDS = {"FLOAT": 1, "HALF": 10, "INT32": 6, "INT64": 7, "BOOL": 9, "INT8": 3, "UINT8": 2}

Mutation = Callable[[dict[str, np.ndarray]], None]


@dataclass
class Faults:
    """What goes wrong."""

    bad_builds: int = 0  # so many builds make engines whose results `mutate` changes
    mutate: Mutation | None = None
    build_fails: bool = False
    largest_batch: int = 1 << 30
    no_contexts: bool = False
    enqueue_fails: bool = False
    enqueue_allocates: bool = False  # which a recording does not take
    unknown_operators: tuple[str, ...] = ()


@dataclass
class World:
    """What the tests look at."""

    gpu: FakeGpu
    api: Api
    faults: Faults = field(default_factory=Faults)
    builds: list[dict[str, Any]] = field(default_factory=list)
    alive: weakref.WeakSet[Any] = field(default_factory=weakref.WeakSet)
    calls: list[str] = field(default_factory=list)


class Behaviour:
    NAME = ""
    NEEDS_CONTEXT = False
    _world: World
    _types: dict[str, type]

    def _setup(self) -> None:
        pass


def say(logger: Any, text: str) -> None:
    logger.log(type(logger).Severity.ERROR, text)
