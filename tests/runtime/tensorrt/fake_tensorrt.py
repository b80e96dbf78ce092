"""tensorrt in pure Python: each call is bound against the official signature, engines run on ONNX Runtime.

Results come a row at a time, so that, as with a fixed batch on a GPU, a row's bits do not depend on its place.
`Faults` makes it do what real engines were reported to do.
"""

from __future__ import annotations

import json
import types
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime

from runtime.tensorrt.fake_gpu import FakeGpu
from runtime.tensorrt.signatures import Api, bind, read

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
        _Builder, _Network, _Config, _Profile, _Timing, _HostMemory, _Parser, _Problem, _Runtime, _Engine, _Context
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
    behaviour: type[_Behaviour], world: World, exposed: dict[str, type]
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


class _Behaviour:
    NAME = ""
    NEEDS_CONTEXT = False
    _world: World
    _types: dict[str, type]

    def _setup(self) -> None:
        pass


def _say(logger: Any, text: str) -> None:
    logger.log(type(logger).Severity.ERROR, text)


class _Builder(_Behaviour):
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
            _say(self._logger, "the timing cache died before the build")
            return None
        if faults.build_fails or batch > faults.largest_batch or not profile:
            _say(self._logger, "Error Code 10: could not find any implementation for node conv0")
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


class _Network(_Behaviour):
    NAME = "INetworkDefinition"

    def _setup(self, flags: int) -> None:
        self._flags = flags
        self._model = onnx.ModelProto()


class _Config(_Behaviour):
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


class _Profile(_Behaviour):
    NAME = "IOptimizationProfile"

    def _setup(self) -> None:
        self._shapes: dict[str, tuple[int, ...]] = {}

    def set_shape(self, input: str, min: Any, opt: Any, max: Any) -> None:
        assert tuple(min) == tuple(opt) == tuple(max)
        self._shapes[input] = tuple(max)


class _Timing(_Behaviour):
    NAME = "ITimingCache"

    def _setup(self, content: bytes) -> None:
        kept = json.loads(content) if content else {"version": self._world.api.version, "measured": 0}
        self._version, self._measured = kept["version"], kept["measured"]

    def serialize(self) -> Any:
        return self._types["IHostMemory"](
            json.dumps({"version": self._version, "measured": self._measured}).encode()
        )


class _HostMemory(_Behaviour):
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


class _Parser(_Behaviour):
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


class _Problem(_Behaviour):
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


class _Runtime(_Behaviour):
    NAME = "Runtime"
    NEEDS_CONTEXT = True

    def _setup(self, logger: Any) -> None:
        self._logger = logger

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> Any:
        if not serialized_engine.startswith(MAGIC):
            _say(self._logger, "Error Code 1: Serialization assertion magic tag does not match failed")
            return None
        size = int.from_bytes(serialized_engine[8:12], "little")
        head = json.loads(serialized_engine[12 : 12 + size])
        if head["version"] != self._world.api.version:
            _say(self._logger, "Error Code 6: the engine plan file is not compatible with this version")
            return None
        return self._types["ICudaEngine"](self._logger, head, serialized_engine[12 + size :])


class _Engine(_Behaviour):
    NAME = "ICudaEngine"
    NEEDS_CONTEXT = True

    def _setup(self, logger: Any, head: dict[str, Any], data: bytes) -> None:
        model = onnx.load_model_from_string(data)
        settings = onnxruntime.SessionOptions()
        settings.log_severity_level = 4
        settings.intra_op_num_threads = 1
        self._logger, self._head = logger, head
        self._session = onnxruntime.InferenceSession(data, settings, providers=["CPUExecutionProvider"])
        weights = {tensor.name for tensor in model.graph.initializer}
        self._ins = [v for v in model.graph.input if v.name not in weights]
        self._all = [*self._ins, *model.graph.output]

    @property
    def num_io_tensors(self) -> int:
        return len(self._all)

    def _value(self, name: str) -> Any:
        return next(v for v in self._all if v.name == name)

    def get_tensor_name(self, index: int) -> str:
        return str(self._all[index].name)

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return tuple(d.dim_value or -1 for d in self._value(name).type.tensor_type.shape.dim)

    def get_tensor_dtype(self, name: str) -> Any:
        kind = self._value(name).type.tensor_type.elem_type
        found = next(k for k, v in KINDS.items() if v == kind)
        return getattr(self._types["DataType"], found)

    def get_tensor_mode(self, name: str) -> Any:
        mode: Any = self._types["TensorIOMode"]
        return mode.INPUT if name in {v.name for v in self._ins} else mode.OUTPUT

    def create_execution_context(self) -> Any:
        if self._world.faults.no_contexts:
            _say(self._logger, "Error Code 2: OutOfMemory (Requested size was 17179869184 bytes)")
            return None
        return self._types["IExecutionContext"](self)


class _Context(_Behaviour):
    NAME = "IExecutionContext"
    NEEDS_CONTEXT = True

    def _setup(self, engine: Any) -> None:
        self._engine = engine
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._addresses: dict[str, int] = {}

    def set_input_shape(self, name: str, shape: Any) -> bool:
        if tuple(shape) != tuple(self._engine._head["profile"].get(name, ())):
            _say(self._engine._logger, f"{name}: {tuple(shape)} is outside of the profile")
            return False
        self._shapes[name] = tuple(shape)
        return True

    def infer_shapes(self) -> list[str]:
        return [v.name for v in self._engine._ins if v.name not in self._shapes]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        batch = next(iter(self._shapes.values()))[0]
        known = _Engine.__dict__["get_tensor_shape"](self._engine, name)
        return (batch if known[0] == -1 else known[0], *known[1:])

    def set_tensor_address(self, name: str, memory: int) -> bool:
        if memory % 256 or name not in {v.name for v in self._engine._all}:
            _say(self._engine._logger, f"the address {memory:#x} of {name} is not aligned")
            return False
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        gpu, engine = self._world.gpu, self._engine
        ready = not self.infer_shapes() and set(self._addresses) == {v.name for v in engine._all}
        if not ready or stream_handle in (0, 1) or self._world.faults.enqueue_fails:
            _say(engine._logger, "Error Code 1: enqueueV3 failed")
            return False
        gpu.queue(stream_handle, self._execute)
        return True

    def _execute(self) -> None:
        gpu, engine = self._world.gpu, self._engine
        batch = next(iter(self._shapes.values()))[0]
        feeds = {}
        for value in engine._ins:
            dtype = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
            shape = self._shapes[value.name]
            size = int(np.prod(shape)) * dtype.itemsize
            feeds[value.name] = gpu.at(self._addresses[value.name], size).view(dtype).reshape(shape)
        names = [v.name for v in engine._all[len(engine._ins) :]]
        static = any(v.type.tensor_type.shape.dim[0].dim_value > 1 for v in engine._ins)
        step = batch if static else 1
        rows = [
            engine._session.run(names, {n: a[i : i + step] for n, a in feeds.items()})
            for i in range(0, batch, step)
        ]
        results = {name: np.concatenate([row[i] for row in rows]) for i, name in enumerate(names)}
        if engine._head["bad"] and self._world.faults.mutate is not None:
            self._world.faults.mutate(results)
        for name, array in results.items():
            target = gpu.at(self._addresses[name], array.nbytes)
            target[:] = np.ascontiguousarray(array).view(np.uint8).reshape(-1)
