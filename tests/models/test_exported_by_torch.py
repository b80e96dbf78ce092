"""Files that torch's own exporter writes, against the network in torch: training mode, old opsets, computed shapes."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

import fiqx_trt as fx
from fiqx_trt.errors import ModelError
from fiqx_trt.runtime import available_backends
from support.nets import noise_faces

torch = pytest.importorskip("torch")
nn = torch.nn

FACES = noise_faces(3)
GAMMA = 9.0
BACKENDS = [name for name, here, _ in available_backends() if here and name != "tensorrt"]
pytestmark = pytest.mark.filterwarnings("ignore")  # the exporter warns of itself


class Recogniser(nn.Module):
    """A small recogniser as people write them: slopes per channel, ``x.view(x.size(0), -1)``, dropout before the head."""

    def __init__(self, *, norm: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, 2, 1)
        self.norm = nn.BatchNorm2d(6) if norm else nn.Identity()
        self.slopes = nn.PReLU(6)
        self.second = nn.Conv2d(6, 8, 3, 2, 1)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(512, 24)
        nn.init.uniform_(self.slopes.weight, 0.1, 0.9)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.second(self.slopes(self.norm(self.first(x)))))
        return self.head(self.drop(x.view(x.size(0), -1)))


def exported(path: Path, opset: int, *, norm: bool, training: bool) -> Recogniser:
    torch.manual_seed(3)
    network = Recogniser(norm=norm)
    network.train(training)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            torch.zeros(2, 3, 32, 32),
            str(path),
            opset_version=opset,
            training=torch.onnx.TrainingMode.TRAINING if training else torch.onnx.TrainingMode.EVAL,
            do_constant_folding=False,
            dynamic_axes={"image": {0: "N"}},
            input_names=["image"],
            output_names=["embedding"],
            dynamo=False,
        )
    return network.eval()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("opset", [9, 11, 17])
def test_a_file_of_torchs_exporter_gives_torchs_numbers(
    opset: int, training: bool, backend: str, tmp_path: Path
) -> None:
    path = tmp_path / "exported.onnx"
    network = exported(path, opset, norm=not training, training=training)
    want, pixel_quality = stated(network.double())
    keywords = {"mean": 127.5, "std": 127.5, "color": "rgb", "template": "arcface", "gamma": GAMMA}
    with fx.load_model(path, backend=backend, max_batch=2, precision="fp32", **keywords) as model:
        np.testing.assert_allclose(model.embed(FACES), want, atol=1e-5)
        np.testing.assert_allclose(
            fx.plq(model, FACES, quality=np.ones(len(FACES))).maps, pixel_quality, atol=1e-3
        )
    assert 0.05 < pixel_quality.mean() < 0.95


def stated(network: Recogniser) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings, and pixel quality by torch's own gradient of the quality node (Eq. 3 to 6, Q = 1), in float64."""
    intensities = torch.tensor(FACES.transpose(0, 3, 1, 2).copy(), dtype=torch.float64, requires_grad=True)
    raw = network((intensities - 127.5) / 127.5)
    e = raw / raw.norm(dim=1, keepdim=True)
    weights = (1 / e.abs().sum(dim=1, keepdim=True)).detach()
    (gradient,) = torch.autograd.grad((weights * e).sum(), intensities)
    saliency = gradient.abs().mean(dim=1).numpy()
    return e.detach().numpy(), 1 - 1 / (1 + 10**GAMMA * saliency**2)


def test_batch_norm_exported_in_training_mode_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "exported.onnx"
    exported(path, 17, norm=True, training=True)
    with pytest.raises(
        ModelError, match=r"\(BatchNormalization\) is in training mode: .* after model\.eval\(\)$"
    ):
        fx.load_model(path)
