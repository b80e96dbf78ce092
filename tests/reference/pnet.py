"""`pnet` in plain NumPy, float64: the layers one after the other."""

from __future__ import annotations

import numpy as np

LAYERS = ((3, 10), (10, 16), (16, 32))


def windows(x, size):
    return np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(0, 1))


def pnet(picture, parameters):
    left = parameters.astype(np.float64)

    def take(*shape):
        nonlocal left
        count = int(np.prod(shape))
        taken, left = left[:count].reshape(shape), left[count:]
        return taken

    x = (picture.astype(np.float64) - 127.5) / 128
    for layer, (inputs, outputs) in enumerate(LAYERS):
        kernel, bias, slope = take(3, 3, inputs, outputs), take(outputs), take(outputs)
        x = np.einsum("hwcij,ijco->hwo", windows(x, 3), kernel) + bias
        x = np.where(x > 0, x, x * slope)
        if layer == 0:
            x = windows(x, 2)[::2, ::2].max(axis=(3, 4))
    regression = x @ take(32, 4) + take(4)
    logits = x @ take(32, 2) + take(2)
    assert left.size == 0
    return np.concatenate([logits[..., 1:] - logits[..., :1], regression], axis=2)
