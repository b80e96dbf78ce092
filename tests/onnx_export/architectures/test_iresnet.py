"""IResNet: torch against ONNX with one state dict, and what a wrong state dict is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.architectures.iresnet import build_iresnet, build_iresnet18
from fiqx_trt.onnx_export.architectures.state import load_state
from fiqx_trt.onnx_export.graphs.split import with_outputs
from fiqx_trt.onnx_export.graphs.taps import TapNames, find_taps, tensor_shapes
from reference.onnx_graphs import normal, run
from reference.torch_nets import IResNet, outputs_of, randomise, state_of


@pytest.fixture(scope="module")
def net18() -> torch.nn.Module:
    return randomise(IResNet((2, 2, 2, 2)))


@pytest.fixture(scope="module")
def state18(net18: torch.nn.Module) -> dict[str, np.ndarray]:
    return state_of(net18)


def assert_same(found: np.ndarray, wanted: np.ndarray) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())
    cosine = (found * wanted).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(wanted, axis=1)
    assert cosine.min() > 0.99999


def test_r18_matches_torch_at_all_taps(net18: torch.nn.Module, state18: dict[str, np.ndarray]) -> None:
    model = build_iresnet(18, state=state18)
    taps = find_taps(model)
    assert taps == TapNames("image", "embedding", "flatten", "bn2")
    shapes = tensor_shapes(model)
    assert [shapes[t] for t in ("image", "embedding", "flatten", "bn2")] == [
        (None, 3, 112, 112),
        (None, 512),
        (None, 25088),
        (None, 512, 7, 7),
    ]
    images = normal(3, 3, 112, 112)
    found = run(with_outputs(model, ["embedding", "bn2"]), {"image": images})
    embedding, features = outputs_of(net18, images, "bn2")
    assert_same(found["embedding"], embedding)
    assert_same(found["bn2"].reshape(3, -1), features.reshape(3, -1))


@pytest.mark.parametrize(("depth", "units"), [(34, (3, 4, 6, 3)), (50, (3, 4, 14, 3)), (100, (3, 13, 30, 3))])
def test_deeper_networks_match_torch(depth: int, units: tuple[int, int, int, int]) -> None:
    """At 32 pixels: every unit takes part, the last map has 2×2 positions."""
    net = randomise(IResNet(units, size=32), seed=depth)
    images = normal(2, 3, 32, 32)
    found = run(build_iresnet(depth, state=state_of(net), size=32), {"image": images}, check=False)[
        "embedding"
    ]
    assert_same(found, outputs_of(net, images)[0])


def test_random_weights_are_seeded_and_tell_images_apart() -> None:
    first, again, other = (build_iresnet18(seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first != other
    embedding = run(first, {"image": np.tanh(normal(4, 3, 112, 112))}, check=False)["embedding"]
    unit = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    assert np.isfinite(embedding).all()
    assert 0.1 < embedding.std() < 10
    assert (unit @ unit.T)[~np.eye(4, dtype=bool)].max() < 0.98


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_checkpoint_of_parallel_training_loads(
    wrapped: bool, net18: torch.nn.Module, state18: dict[str, np.ndarray], tmp_path: Path
) -> None:
    """Prefix ``module.``, half precision, another module's weights beside it, the state dict under a name."""
    state: dict[str, object] = {f"module.{name}": value for name, value in net18.state_dict().items()}
    state["module.fc.weight"] = net18.fc.weight.detach().half()
    state["head.weight"] = torch.zeros(7)
    torch.save({"epoch": 3, "state_dict": state} if wrapped else state, tmp_path / "r18.pth")
    loaded = load_state(tmp_path / "r18.pth")
    assert loaded["module.fc.weight"].dtype == np.float32
    exact = {**state18, "fc.weight": state18["fc.weight"].astype(np.float16).astype(np.float32)}
    assert build_iresnet(18, state=loaded) == build_iresnet(18, state=exact)


def test_missing_misshaped_and_extra_parameters_are_named(state18: dict[str, np.ndarray]) -> None:
    state = {name: value for name, value in state18.items() if name != "layer1.0.bn1.bias"}
    state["conv1.weight"] = np.zeros((64, 1, 3, 3), np.float32)
    state["layer9.weight"] = np.zeros(3, np.float32)
    with pytest.raises(ModelError) as caught:
        build_iresnet(18, state=state)
    assert str(caught.value) == (
        "the state dict is not that of IResNet-18: conv1.weight has shape (64, 1, 3, 3), "
        "wanted (64, 3, 3, 3); layer1.0.bn1.bias (64,) is missing; layer9.weight is not part of it. "
        "Check the architecture and its depth"
    )


def test_a_state_dict_of_another_depth_is_refused(state18: dict[str, np.ndarray]) -> None:
    with pytest.raises(
        ModelError, match=r"IResNet-34: layer1.2.bn1.weight \(64,\) is missing.*; and \d+ more"
    ):
        build_iresnet(34, state=state18)
    with pytest.raises(ModelError, match=r"no IResNet of depth 20; there are \[18, 34, 50, 100\]"):
        build_iresnet(20)


def test_a_file_that_is_no_checkpoint_gives_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    for content in (b"", b"hello", b"PK\x03\x04 cut short"):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"x.pth is not a PyTorch checkpoint of plain tensors") as caught:
            load_state(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match=r"cannot read the checkpoint .*none.pth: No such file"):
        load_state(tmp_path / "none.pth")
    torch.save([1, 2], path)
    with pytest.raises(ModelError, match=r"x.pth holds no state dict; wanted parameter names and tensors"):
        load_state(path)


def test_a_pickled_module_is_not_executed(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "x.pth")
    with pytest.raises(ModelError, match="is not a PyTorch checkpoint of plain tensors"):
        load_state(tmp_path / "x.pth")
