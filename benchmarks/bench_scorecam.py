"""Score-CAM of one face beside the runtime's own time for the same passes, and beside the loops of two torch programs.

The loops of pytorch-grad-cam and TorchCAM are written here as they run: all masked copies at once in memory, batches of 16 and
32 through eager torch, scores taken one by one or as a slice. (The packages themselves need torchvision.) Networks are those of
this package with random weights. ``python benchmarks/bench_scorecam.py [faces] [network …]`` measures all in turns and
prints the ratios.
"""

from __future__ import annotations

import sys
import tempfile
import time
from functools import cache

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch.nn import functional as F  # noqa: N812

from fiqx_trt.explain.scorecam import scorecam_details
from fiqx_trt.models import Model, load_model
from fiqx_trt.onnx_export.architectures.iresnet import build_iresnet
from fiqx_trt.onnx_export.architectures.mobilefacenet import build_mobilefacenet
from fiqx_trt.runtime.machine import has_bf16

NETS = {"mobilefacenet": build_mobilefacenet, "iresnet18": lambda: build_iresnet(18)}
PRECISIONS = ["fp32", "bf16"] if has_bf16() else ["fp32"]


def faces(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 7, 7, 3)).repeat(16, 1).repeat(16, 2)
    return np.clip(coarse + rng.integers(-20, 21, coarse.shape), 0, 255).astype(np.uint8)


@cache
def graph(name: str) -> onnx.ModelProto:
    return NETS[name]()


@cache
def opened(name: str, precision: str, folder: str) -> Model:
    path = f"{folder}/{name}.onnx"
    onnx.save(graph(name), path)
    return load_model(path, mean=127.5, std=127.5, color="rgb", backend="openvino", precision=precision)


class Eager:
    """A network of convolutions, batch norms, PReLUs, sums and one linear layer, run by eager torch in float32."""

    def __init__(self, model: onnx.ModelProto, features: str) -> None:
        self.nodes = list(model.graph.node)
        self.features = features
        self.kept: torch.Tensor | None = None
        self.constants = {
            t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in model.graph.initializer
        }
        self.output = model.graph.output[0].name

    @torch.no_grad()
    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Return the output and keep the features."""
        values = {"image": images}
        for node in self.nodes:
            inputs = [values.get(name, self.constants.get(name)) for name in node.input]
            values[node.output[0]] = self.apply(node, inputs)
        self.kept = values[self.features]
        return values[self.output]

    @staticmethod
    def apply(node: onnx.NodeProto, inputs: list[torch.Tensor]) -> torch.Tensor:
        """Return the output of one node."""
        a = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
        if node.op_type == "Conv":
            bias = inputs[2] if len(inputs) > 2 else None
            pad = a.get("pads", [0, 0])[:2]
            return F.conv2d(
                *inputs[:2], bias, stride=a.get("strides", 1), padding=pad, groups=a.get("group", 1)
            )
        if node.op_type == "BatchNormalization":
            x, weight, bias, mean, var = inputs
            return F.batch_norm(x, mean, var, weight, bias, eps=a["epsilon"])
        if node.op_type == "PRelu":
            return F.prelu(inputs[0], inputs[1].flatten())
        if node.op_type == "Gemm":
            return F.linear(inputs[0], inputs[1], inputs[2] if len(inputs) > 2 else None)
        return {"Add": torch.add, "Flatten": lambda x: x.flatten(1), "Relu": torch.relu}[node.op_type](
            *inputs
        )


@cache
def eager(name: str, features: str) -> Eager:
    return Eager(graph(name), features)


@torch.no_grad()
def grad_cam_loop(net: Eager, x: torch.Tensor, channels: int | None = None) -> np.ndarray:
    """One face: masks with aligned corners, batches of 16, every score fetched by itself."""
    own = net(x)
    target, activations = int(own.argmax()), net.kept[:, :channels]
    up = F.interpolate(activations, x.shape[-2:], mode="bilinear", align_corners=True)
    low, high = up.amin((2, 3), keepdim=True), up.amax((2, 3), keepdim=True)
    masked = x[:, None] * ((up - low) / (high - low + 1e-8))[:, :, None]
    scores = []
    for i in range(0, masked.shape[1], 16):
        scores.extend([float(one[target]) for one in net(masked[0, i : i + 16])])
    weights = torch.softmax(torch.tensor(scores), 0)
    grid = np.maximum((weights[:, None, None] * activations[0]).sum(0).numpy(), 0)
    grid = (grid - grid.min()) / (grid.max() - grid.min() + 1e-7)
    full = F.interpolate(torch.from_numpy(grid)[None, None], x.shape[-2:], mode="bilinear")[0, 0].numpy()
    return (full - full.min()) / (full.max() - full.min() + 1e-7)


@torch.no_grad()
def torchcam_loop(net: Eager, x: torch.Tensor, channels: int | None = None) -> np.ndarray:
    """One face: masks scaled first, batches of 32, scores less the unmasked one; raw activations are summed."""
    own = net(x)
    target, a = int(own.argmax()), net.kept[:, :channels]
    small = a - a.amin((2, 3), keepdim=True)
    small /= small.amax((2, 3), keepdim=True) + 1e-8
    up = F.interpolate(small, x.shape[-2:], mode="bilinear")
    masked = (up[:, :, None] * x[:, None]).flatten(0, 1)
    weights = torch.zeros(len(masked))
    for i in range(0, len(masked), 32):
        weights[i : i + 32] = (net(masked[i : i + 32]) - own)[:, target]
    grid = torch.relu((torch.softmax(weights, 0)[:, None, None] * a[0]).sum(0))
    grid = (grid - grid.min()) / (grid.max() - grid.min() + 1e-8)
    return F.interpolate(grid[None, None], x.shape[-2:], mode="bilinear")[0, 0].numpy()


LOOPS = {"pytorch-grad-cam": grad_cam_loop, "torchcam": torchcam_loop}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tmp_path_factory.mktemp("scorecam"))


def quick(benchmark, name, precision):
    """In a test run, which times nothing, one small network is enough."""
    if benchmark.disabled and (name, precision) != ("mobilefacenet", "fp32"):
        pytest.skip("measured with --benchmark-enable only")


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", NETS)
@pytest.mark.benchmark(group="scorecam", warmup=False)
def bench_ours(benchmark, folder, name, precision):
    quick(benchmark, name, precision)
    model = opened(name, precision, folder)
    layer = "stage6.1.add" if benchmark.disabled else None  # 128 channels instead of 512
    result = benchmark.pedantic(
        scorecam_details, (model, faces(1)), {"layer": layer}, rounds=3, warmup_rounds=1
    )
    assert result.passes == result.scores.size == (128 if benchmark.disabled else 512)
    if precision != "fp32":
        exact = scorecam_details(opened(name, "fp32", folder), faces(1)).maps
        assert np.corrcoef(result.maps.ravel(), exact.ravel())[0, 1] >= 0.999


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", NETS)
@pytest.mark.benchmark(group="scorecam", warmup=False)
def bench_runtime_alone(benchmark, folder, name, precision):
    """The same 512 passes without masks, scores and map: the limit."""
    quick(benchmark, name, precision)
    model = opened(name, precision, folder)
    passes = 8 if benchmark.disabled else 512
    inputs = np.repeat(model.normalise(faces(1)), passes, axis=0)
    session = model.session((model.spec.embedding,))
    outputs = benchmark.pedantic(session.run, ({"image": inputs},), rounds=3, warmup_rounds=1)
    assert outputs[model.spec.embedding].shape[0] == passes


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("name", NETS)
@pytest.mark.benchmark(group="scorecam", warmup=False)
def bench_loop(benchmark, folder, name, loop):
    quick(benchmark, name, "fp32")
    model = opened(name, "fp32", folder)
    net = eager(name, model.spec.features)
    x = torch.from_numpy(model.normalise(faces(1)))
    channels = 16 if benchmark.disabled else None
    theirs = benchmark.pedantic(LOOPS[loop], (net, x, channels), rounds=1)
    if not benchmark.disabled:
        ours = scorecam_details(model, faces(1), preset=loop).maps[0]
        assert np.abs(ours - theirs).max() < 5e-3


def turns(count: int, names: list[str], folder: str) -> None:
    """Measure all in turns and print the best seconds per face: of the clock, and of the processors.

    On a busy machine the clock measures the others too; the processors' time is this process's own.
    """
    for name in names:
        best: dict[str, tuple[float, float]] = {}
        for turn in range(3):
            for label, run in _contestants(name, count, folder, loops=turn == 0).items():
                start = time.perf_counter(), time.process_time()
                run()
                spent = (time.perf_counter() - start[0]) / count, (time.process_time() - start[1]) / count
                best[label] = tuple(map(min, best.get(label, spent), spent))
        print(f"{name}: seconds per face, clock and processors")
        for label, spent in best.items():
            line = f"  {label:22s} {spent[0]:7.3f} {spent[1]:7.3f}"
            limit = best.get(f"runtime {label.split()[-1]}")
            if limit is not None:
                line += f"   of the runtime's {spent[0] / limit[0]:.3f} {spent[1] / limit[1]:.3f}"
            for loop in LOOPS:
                theirs = best[f"{loop} loop"]
                line += f"   {loop} ×{theirs[0] / spent[0]:.1f} ×{theirs[1] / spent[1]:.1f}"
            print(line, flush=True)
        maps = {p: scorecam_details(opened(name, p, folder), faces(count)).maps for p in PRECISIONS}
        for precision in PRECISIONS[1:]:
            pairs = zip(maps["fp32"], maps[precision], strict=True)
            worst = min(np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs)
            print(f"  {precision} maps correlate with fp32: {worst:.5f} at worst", flush=True)


def _contestants(name, count, folder, *, loops):
    found = {}
    images = faces(count)
    for precision in PRECISIONS:
        model = opened(name, precision, folder)
        session = model.session((model.spec.embedding,))
        rows = np.repeat(model.normalise(images[:1]), 64, axis=0)
        session.run({"image": rows[: session.batch]})
        found[f"runtime {precision}"] = lambda s=session, r=rows: [
            s.run({"image": r}) for _ in range(512 * count // 64)
        ]
        found[f"ours {precision}"] = lambda m=model: scorecam_details(m, images)
    if loops:
        net = eager(name, opened(name, "fp32", folder).spec.features)
        x = torch.from_numpy(opened(name, "fp32", folder).normalise(images))
        for label, loop in LOOPS.items():
            found[f"{label} loop"] = lambda run=loop: [run(net, one[None]) for one in x]
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        turns(int(sys.argv[1] if len(sys.argv) > 1 else 2), sys.argv[2:] or list(NETS), scratch)
