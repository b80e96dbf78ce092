"""The half of the fake tensorrt that runs: plans become ONNX Runtime sessions on the fake GPU's memory."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx

from runtime.tensorrt.fake_gpu import FakeCudaError
from runtime.tensorrt.fake_world import KINDS, MAGIC, Behaviour, say


class Runtime(Behaviour):
    NAME = "Runtime"
    NEEDS_CONTEXT = True

    def _setup(self, logger: Any) -> None:
        self._logger = logger

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> Any:
        if not serialized_engine.startswith(MAGIC):
            say(self._logger, "Error Code 1: Serialization assertion magic tag does not match failed")
            return None
        size = int.from_bytes(serialized_engine[8:12], "little")
        head = json.loads(serialized_engine[12 : 12 + size])
        if head["version"] != self._world.api.version:
            say(self._logger, "Error Code 6: the engine plan file is not compatible with this version")
            return None
        return self._types["ICudaEngine"](self._logger, head, serialized_engine[12 + size :])


class Engine(Behaviour):
    NAME = "ICudaEngine"
    NEEDS_CONTEXT = True

    def _setup(self, logger: Any, head: dict[str, Any], data: bytes) -> None:
        import onnxruntime

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
            say(self._logger, "Error Code 2: OutOfMemory (Requested size was 17179869184 bytes)")
            return None
        return self._types["IExecutionContext"](self)


class Context(Behaviour):
    NAME = "IExecutionContext"
    NEEDS_CONTEXT = True

    def _setup(self, engine: Any) -> None:
        self._engine = engine
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._addresses: dict[str, int] = {}

    def set_input_shape(self, name: str, shape: Any) -> bool:
        if tuple(shape) != tuple(self._engine._head["profile"].get(name, ())):
            say(self._engine._logger, f"{name}: {tuple(shape)} is outside of the profile")
            return False
        self._shapes[name] = tuple(shape)
        return True

    def infer_shapes(self) -> list[str]:
        return [v.name for v in self._engine._ins if v.name not in self._shapes]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        batch = next(iter(self._shapes.values()))[0]
        known = Engine.__dict__["get_tensor_shape"](self._engine, name)
        return (batch if known[0] == -1 else known[0], *known[1:])

    def set_tensor_address(self, name: str, memory: int) -> bool:
        if memory % 256 or name not in {v.name for v in self._engine._all}:
            say(self._engine._logger, f"the address {memory:#x} of {name} is not aligned")
            return False
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        gpu, engine = self._world.gpu, self._engine
        ready = not self.infer_shapes() and set(self._addresses) == {v.name for v in engine._all}
        if not ready or stream_handle in (0, 1) or self._world.faults.enqueue_fails:
            say(engine._logger, "Error Code 1: enqueueV3 failed")
            return False
        if self._world.faults.enqueue_allocates:
            try:
                gpu.free(gpu.alloc(256))
            except FakeCudaError as error:
                say(engine._logger, f"Error Code 1: Cuda Runtime ({error})")
                return False
        addresses = dict(self._addresses)  # those of a queued run stay, whatever is set afterwards
        gpu.queue(stream_handle, lambda: self._execute(addresses))
        return True

    def _execute(self, addresses: dict[str, int]) -> None:
        gpu, engine = self._world.gpu, self._engine
        batch = next(iter(self._shapes.values()))[0]
        feeds = {}
        for value in engine._ins:
            dtype = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
            shape = self._shapes[value.name]
            size = int(np.prod(shape)) * dtype.itemsize
            feeds[value.name] = gpu.at(addresses[value.name], size).view(dtype).reshape(shape)
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
            target = gpu.at(addresses[name], array.nbytes)
            target[:] = np.ascontiguousarray(array).view(np.uint8).reshape(-1)
