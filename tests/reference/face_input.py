"""`face_input` in plain NumPy, float64."""

from __future__ import annotations

import numpy as np

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def face_input(faces, *, mean, std, color="rgb"):
    x = faces.astype(np.float64)
    if color == "bgr":
        x = x[..., ::-1]
    if color == "gray":
        x = np.repeat((x * LUMA).sum(-1, keepdims=True), 3, axis=-1)
    return ((x - np.asarray(mean, np.float64)) / np.asarray(std, np.float64)).transpose(0, 3, 1, 2)
