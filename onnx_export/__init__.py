"""Read and write ONNX graphs: surgery on any graph (`graphs`), and networks written from checkpoints (`architectures`)."""
