"""tensorrt in pure Python: each call is bound against the official signature, engines run on ONNX Runtime.

Results come a row at a time, so that, as with a fixed batch on a GPU, a row's bits do not depend on its position.
`Faults` makes it do what real engines were reported to do.
"""

from __future__ import annotations

import json
import types
import weakref
from collections.abc import Callable
from typing import Any

import onnx

from runtime.tensorrt.fake_engine import Context, Engine, Runtime
from runtime.tensorrt.fake_gpu import FakeGpu
from runtime.tensorrt.fake_world import MAGIC, Behaviour, World, say
from runtime.tensorrt.signatures import bind, read


class _Enum:
    def __init__(self, name: str, value: int) -> None:
        self.name, self.value = name, value

    def __repr__(self) -> str:
        return self.name


def fake_tensorrt(version: str, gpu: FakeGpu) -> tuple[types.ModuleType, World]:
    """Return a tensorrt module of a version, and the world behind it."""
    world = World(gpu, read(version))
    module = types.ModuleType("tensorrt")
    module.__version__ = version  # type: ignore[attr-defined]
    exposed: dict[str, type] = {}
    for name, parts in world.api.classes.items():
        if parts["members"]:
            exposed[name] = _enumeration(name, {m: int(v[0]) for m, v in parts["members"].items()})
    exposed["ILogger"] = _logger()
    for behaviour in (
        _Builder, _Network, _Config, _Profile, _Timing, _HostMemory, _Parser, _Problem, Runtime, Engine, Context
    ):  # fmt: skip
        exposed[behaviour.NAME] = _expose(behaviour, world, exposed)
    for name, kind in exposed.items():
        setattr(module, name, kind)
    return module, world


def _enumeration(name: str, members: dict[str, int]) -> type:
    """Return an enumeration as pybind11 makes them: members are instances with a name and a value."""
    kind = type(name, (_Enum,), {})
    for member, value in members.items():
        setattr(kind, member, kind(member, value))
    return kind


def _logger() -> type:
    severities = ("INTERNAL_ERROR", "ERROR", "WARNING", "INFO", "VERBOSE")

    class ILogger:
        Severity = _enumeration("Severity", {name: i for i, name in enumerate(severities)})

        def __init__(self) -> None:
            pass

    return ILogger


def _expose(  # noqa: C901 -- closures that share one table
    behaviour: type[Behaviour], world: World, exposed: dict[str, type]
) -> type:
    """Return a class with exactly the version's methods and properties, every call bound and context-checked."""
    api, title = world.api, behaviour.NAME

    def method(name: str) -> Callable[..., Any]:
        def call(self: Any, *arguments: Any, **named: Any) -> Any:
            bind(api, exposed, title, name, arguments, named)
            world.calls.append(f"{title}.{name}")
            if name not in behaviour.__dict__:
                raise NotImplementedError(f"the fake does not act {title}.{name}")
            if behaviour.NEEDS_CONTEXT:
                world.gpu.need_context()
            return behaviour.__dict__[name](self, *arguments, **named)

        return call

    def get(self: Any, name: str) -> Any:
        if not name.startswith("_") and not api.has(title, name):
            raise AttributeError(f"{title} has no attribute {name!r} in TensorRT {api.version}")
        return object.__getattribute__(self, name)

    def put(self: Any, name: str, value: Any) -> None:
        if not name.startswith("_") and not api.writable(title, name):
            raise AttributeError(f"{title}.{name} cannot be set in TensorRT {api.version}")
        object.__setattr__(self, name, value)

    public = {name: method(name) for name in api.classes[title]["methods"] if not name.startswith("__")}
    inits = api.classes[title]["methods"].get("__init__", ["?"])

    def init(self: Any, *arguments: Any, **named: Any) -> None:
        if not inits[0].startswith("?"):
            bind(api, exposed, title, "__init__", arguments, named)
        object.__setattr__(self, "_world", world)
        object.__setattr__(self, "_types", exposed)
        world.alive.add(self)
        if behaviour.NEEDS_CONTEXT:
            world.gpu.need_context()
        behaviour._setup(self, *arguments, **named)

    return type(
        title, (behaviour,), {**public, "__init__": init, "__getattribute__": get, "__setattr__": put}
    )


class _Builder(Behaviour):
    NAME = "Builder"
    NEEDS_CONTEXT = True

    def _setup(self, logger: Any) -> None:
        self._logger = logger

    def create_network(self, flags: int = 0) -> Any:
        return self._types["INetworkDefinition"](flags)

    def create_builder_config(self) -> Any:
        return self._types["IBuilderConfig"]()

    def create_optimization_profile(self) -> Any:
        return self._types["IOptimizationProfile"]()

    def build_serialized_network(self, network: Any, config: Any) -> Any:
        faults, world = self._world.faults, self._world
        profile = config._profiles[0]._shapes if config._profiles else {}
        batch = max((shape[0] for shape in profile.values()), default=0)
        if config._timing is None or config._timing() is None:
            say(self._logger, "the timing cache died before the build")
            return None
        if faults.build_fails or batch > faults.largest_batch or not profile:
            say(self._logger, "Error Code 10: could not find any implementation for node conv0")
            return None
        config._timing()._measured += 1
        world.builds.append(
            {
                "flags": [
                    name
                    for name, value in world.api.classes["NetworkDefinitionCreationFlag"]["members"].items()
                    if network._flags >> int(value[0]) & 1
                ],
                "tf32": "TF32" in config._flags,
                "workspace": config._pools.get("WORKSPACE"),
                "level": config._level,
                "aux": config._aux,
                "profile": profile,
                "ir_version": network._model.ir_version,
                "timings": config._timing()._measured,
                "half": any(t.data_type == 10 for t in network._model.graph.initializer),
            }
        )
        bad = faults.bad_builds > 0
        faults.bad_builds -= bad
        head = json.dumps({"version": world.api.version, "profile": profile, "bad": bad}).encode()
        return self._types["IHostMemory"](
            MAGIC + len(head).to_bytes(4, "little") + head + network._model.SerializeToString()
        )


class _Network(Behaviour):
    NAME = "INetworkDefinition"

    def _setup(self, flags: int) -> None:
        self._flags = flags
        self._model = onnx.ModelProto()


class _Config(Behaviour):
    NAME = "IBuilderConfig"

    def _setup(self) -> None:
        self._pools: dict[str, int] = {}
        self._flags = {"TF32"}  # on by default, as in the real one
        self._profiles: list[Any] = []
        self._timing: Any = None
        self._level, self._aux = 3, -1

    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
        self._pools[pool.name] = pool_size

    def clear_flag(self, flag: Any) -> None:
        self._flags.discard(flag.name)

    def set_flag(self, flag: Any) -> None:
        self._flags.add(flag.name)

    def add_optimization_profile(self, profile: Any) -> int:
        if any(min(shape) < 1 for shape in profile._shapes.values()):
            return -1
        self._profiles.append(profile)
        return len(self._profiles) - 1

    def create_timing_cache(self, serialized_timing_cache: bytes) -> Any:
        return self._types["ITimingCache"](serialized_timing_cache)

    def set_timing_cache(self, cache: Any, ignore_mismatch: bool) -> bool:
        if cache._version != self._world.api.version and not ignore_mismatch:
            return False
        self._timing = weakref.ref(cache)
        return True

    builder_optimization_level = property(
        lambda self: self._level, lambda self, value: object.__setattr__(self, "_level", value)
    )
    max_aux_streams = property(
        lambda self: self._aux, lambda self, value: object.__setattr__(self, "_aux", value)
    )


class _Profile(Behaviour):
    NAME = "IOptimizationProfile"

    def _setup(self) -> None:
        self._shapes: dict[str, tuple[int, ...]] = {}

    def set_shape(self, input: str, min: Any, opt: Any, max: Any) -> None:
        assert tuple(min) == tuple(opt) == tuple(max)
        self._shapes[input] = tuple(max)


class _Timing(Behaviour):
    NAME = "ITimingCache"

    def _setup(self, content: bytes) -> None:
        kept = json.loads(content) if content else {"version": self._world.api.version, "measured": 0}
        self._version, self._measured = kept["version"], kept["measured"]

    def serialize(self) -> Any:
        return self._types["IHostMemory"](
            json.dumps({"version": self._version, "measured": self._measured}).encode()
        )


class _HostMemory(Behaviour):
    NAME = "IHostMemory"

    def _setup(self, content: bytes) -> None:
        self._content = content

    @property
    def nbytes(self) -> int:
        return len(self._content)

    def __bytes__(self) -> bytes:
        return self._content

    def __len__(self) -> int:
        raise TypeError("object of type 'IHostMemory' has no len()")


class _Parser(Behaviour):
    NAME = "OnnxParser"

    def _setup(self, network: Any, logger: Any) -> None:
        self._network, self._problems = network, []

    def parse(self, model: bytes, path: str | None = None) -> bool:
        unknown = self._world.faults.unknown_operators
        parsed = onnx.load_model_from_string(model)
        for index, node in enumerate(parsed.graph.node):
            if node.op_type in unknown or node.domain not in ("", "ai.onnx"):
                text = f"no importer registered for op: {node.op_type}"
                self._problems.append(self._types["ParserError"](index, node, text))
        object.__setattr__(self._network, "_model", parsed)
        return not self._problems

    @property
    def num_errors(self) -> int:
        return len(self._problems)

    def get_error(self, index: int) -> Any:
        return self._problems[index]


class _Problem(Behaviour):
    NAME = "ParserError"

    def _setup(self, index: int, node: onnx.NodeProto, text: str) -> None:
        self._index, self._node, self._text = index, node, text

    def node(self) -> int:
        return self._index

    def node_name(self) -> str:
        return str(self._node.name)

    def node_operator(self) -> str:
        return str(self._node.op_type)

    def desc(self) -> str:
        return self._text
