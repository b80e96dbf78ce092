"""`pnet` beside ONNX Runtime on one thread, for the largest level of a picture of 640 x 480."""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.errors import DependencyError
from fiqx_trt.kernels import face_input, pnet
from fiqx_trt.onnx_export.architectures.mtcnn import MTCNN_MEAN, MTCNN_STD, build_mtcnn, pnet_parameters

LEVEL = np.random.default_rng(0).integers(0, 256, (288, 384, 3), dtype=np.uint8)


@pytest.mark.parametrize("method", ["ours", "onnxruntime"])
@pytest.mark.benchmark(group="pnet")
def bench_pnet(benchmark, method):
    runtime = pytest.importorskip("onnxruntime")
    try:
        parameters = pnet_parameters()
    except DependencyError as error:
        pytest.skip(str(error))
    settings = runtime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = runtime.InferenceSession(build_mtcnn()["pnet"].SerializeToString(), settings)

    def with_runtime():
        tensor = face_input(LEVEL[None], mean=MTCNN_MEAN, std=MTCNN_STD)
        return session.run(["regression"], {"image": tensor})[0][0].transpose(1, 2, 0)

    def with_kernel():
        return pnet(LEVEL, parameters)[..., 1:]

    answers = benchmark(with_kernel if method == "ours" else with_runtime)
    np.testing.assert_allclose(answers, with_kernel(), atol=3e-5)
