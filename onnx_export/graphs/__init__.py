"""Transformations of any ONNX graph: reading (ONNX, TensorFlow Lite), taps, cutting, folding, gradients and half precision."""
