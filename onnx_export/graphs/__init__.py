"""Surgery on any ONNX graph: reading (ONNX, TensorFlow Lite), finding taps, cutting, folding, gradients and half precision."""
