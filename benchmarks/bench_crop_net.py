"""`crop_net` beside OpenVINO on one thread, for the second and the third network of MTCNN."""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.errors import DependencyError
from fiqx_trt.kernels import crop_net, face_input
from fiqx_trt.onnx_export.architectures.mtcnn import MTCNN_MEAN, MTCNN_STD, build_mtcnn, crop_networks
from fiqx_trt.runtime import open_session

CROPS = {name: (count, side) for name, count, side in (("rnet", 64, 24), ("onet", 8, 48))}


@pytest.mark.parametrize("name", CROPS)
@pytest.mark.parametrize("method", ["ours", "openvino"])
@pytest.mark.benchmark(group="crop_net")
def bench_crop_net(benchmark, method, name):
    count, side = CROPS[name]
    crops = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    try:
        network, graph = crop_networks()[name], build_mtcnn()[name]
    except DependencyError as error:
        pytest.skip(str(error))

    def with_kernel():
        return crop_net(crops, network.layers, network.parameters)[:, network.columns["regression"]]

    with open_session(
        graph, backend="openvino", threads=1, precision="fp32", max_batch=min(count, 32)
    ) as session:

        def with_runtime():
            return session.run({"image": face_input(crops, mean=MTCNN_MEAN, std=MTCNN_STD)})["regression"]

        answers = benchmark(with_kernel if method == "ours" else with_runtime)
    np.testing.assert_allclose(answers, with_kernel(), atol=1e-5)
