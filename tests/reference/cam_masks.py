"""`cam_masks` in plain NumPy, float64, channel by channel."""

from __future__ import annotations

import numpy as np

from reference.upsample import upsample


def scaled(x, subtract_min):
    if not np.isfinite(x).all() or x.max() == x.min():
        return np.zeros_like(x)
    return (x - (x.min() if subtract_min else 0)) / (x.max() - x.min())


def cam_masks(
    activations, face, channels, *, align_corners=False, minmax="after", subtract_min=True, relu=False
):
    size = face.shape[1:]
    out = []
    for k in channels:
        channel = activations[k].astype(np.float64)
        if relu:
            channel = np.maximum(channel, 0)
        if minmax == "before":
            mask = upsample(scaled(channel, subtract_min), size, align_corners)
        else:
            mask = scaled(upsample(channel, size, align_corners), subtract_min)
        out.append(mask * face.astype(np.float64))
    return np.array(out).reshape(-1, *face.shape)
