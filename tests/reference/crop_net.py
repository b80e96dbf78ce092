"""`crop_net` in plain NumPy, float64: one crop and one layer after the other."""

from __future__ import annotations

import numpy as np


def windows(x, size):
    return np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(0, 1))


def pooled(x, side, end):
    padded = np.pad(x, [(0, end), (0, end), (0, 0)], constant_values=-np.inf)
    return windows(padded, side)[::2, ::2].max(axis=(3, 4))


def crop_net(crops, layers, parameters):
    answers = []
    for crop in crops:
        x, left = (crop.astype(np.float64) - 127.5) / 128, parameters.astype(np.float64)
        for size, inputs, outputs, side, end in layers:
            count = size * size * inputs * outputs
            groups = left[:count].reshape(outputs // 16, size, size, inputs, 16)
            kernel = np.concatenate(list(groups), axis=-1)
            bias, slope = left[count:][:outputs], left[count + outputs :][:outputs]
            left = left[count + 2 * outputs :]
            x = np.einsum("hwcij,ijco->hwo", windows(x[:, :, :inputs], size), kernel) + bias
            x = np.where(x > 0, x, x * slope)
            x = pooled(x, side, end) if side else x
        assert left.size == 0
        answers.append(x[0, 0])
    return np.array(answers).reshape(len(crops), layers[-1][2])
