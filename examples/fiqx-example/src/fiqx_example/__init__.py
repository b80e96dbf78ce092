"""What another package can add to fiqx_trt: a quality method, a detector, a score-file format, a backend."""
