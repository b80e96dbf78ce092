"""Build networks as ONNX graphs from the weights of other programs: PyTorch checkpoints, dlib, MTCNN, YuNet."""

from __future__ import annotations

__all__ = ["ARCHITECTURES"]

#: Networks that are written from a PyTorch state dict: name to ``module:function``. Each is called as
#: ``build(state=..., seed=...)`` and returns a model from ``image`` to ``embedding``; without a state its
#: parameters are random. A string is imported only when the network is built.
ARCHITECTURES = {
    "inception-resnet-v1": "fiqx_trt.onnx_export.architectures.inception_resnet_v1:build_inception_resnet_v1",
    "iresnet18": "fiqx_trt.onnx_export.architectures.iresnet:build_iresnet18",
    "iresnet34": "fiqx_trt.onnx_export.architectures.iresnet:build_iresnet34",
    "iresnet50": "fiqx_trt.onnx_export.architectures.iresnet:build_iresnet50",
    "iresnet100": "fiqx_trt.onnx_export.architectures.iresnet:build_iresnet100",
    "mobilefacenet": "fiqx_trt.onnx_export.architectures.mobilefacenet:build_mobilefacenet",
}
