"""`dropout_expand` and its masks in plain Python integers and NumPy."""

from __future__ import annotations

import numpy as np

WORD = 0xFFFFFFFF


def philox4x32(counter, key, rounds=10):
    """Salmon et al. 2011, Section 3.3, with the published constants."""
    c, k = list(counter), list(key)
    for _ in range(rounds):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & WORD, (a >> 32) ^ c[3] ^ k[1], a & WORD]
        k = [(k[0] + 0x9E3779B9) & WORD, (k[1] + 0xBB67AE85) & WORD]
    return tuple(c)


def dropout_masks(features, *, passes, dropout, seed):
    masks = np.zeros((passes, features), bool)
    for p in range(passes):
        for f in range(features):
            word = philox4x32((f // 4, 0, p, 0), (seed & WORD, seed >> 32))[f % 4]
            masks[p, f] = word >= int(dropout * 2**32)
    return masks


def dropout_expand(h, *, passes, dropout, seed):
    masks = dropout_masks(h.shape[1], passes=passes, dropout=dropout, seed=seed)
    scale = np.float32(1 / (1 - dropout))
    return np.concatenate([np.where(masks, row * scale, np.float32(0)) for row in h] or [h])
