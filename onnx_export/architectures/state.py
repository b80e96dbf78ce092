"""The parameters of a network, from a checkpoint that is checked against the architecture, or random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import DependencyError, ModelError
from fiqx_trt.files import open_regular

State = Mapping[str, NDArray[np.generic]]
#: Where training programs put the state dict inside the file they save.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "backbone")


def load_state(path: Path | str) -> dict[str, NDArray[np.generic]]:
    """Read a PyTorch checkpoint into NumPy arrays by name, without executing code; half precision becomes float32.

    The file, written by ``torch.save``, is a state dict, or a dict with one under a usual name.

    Raises
    ------
    DependencyError
        torch is not installed.
    ModelError
        The file is missing, or holds something other than tensors.
    """
    try:
        import torch
    except ImportError as error:
        raise DependencyError(
            'a PyTorch checkpoint needs torch; install it with: pip install "fiqx-trt[torch]"'
        ) from error
    try:
        with open_regular(Path(path)) as file:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"cannot read the checkpoint {path}: {error.strerror or error}") from error
    # A damaged checkpoint raises nearly anything: UnpicklingError, IndexError, AssertionError, struct.error …
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path} is not a PyTorch checkpoint of plain tensors: {reason[:200]}") from error
    content = next((content[w] for w in _WRAPPERS if isinstance(content, dict) and w in content), content)
    if not isinstance(content, dict) or not any(isinstance(v, torch.Tensor) for v in content.values()):
        raise ModelError(
            f"{path} holds no state dict; wanted parameter names and tensors (model.state_dict())"
        )
    tensors = {str(k): v for k, v in content.items() if isinstance(v, torch.Tensor)}
    return {k: (v.float() if v.is_floating_point() else v).numpy() for k, v in tensors.items()}


class Parameters:
    """The parameters that an architecture reads one by one; all problems are collected for one message.

    Parameters
    ----------
    state
        Parameter name to array; ``None``: random, well-scaled parameters.
    seed
        Seed of the random parameters.
    anchor
        Name of a parameter at the network's root. Where the checkpoint has it with a prefix (``module.``),
        the prefix is removed and parameters without it, those of other modules, are ignored.
    ignore
        Prefixes of parameters that only training uses.
    """

    def __init__(self, state: State | None, *, seed: int, anchor: str, ignore: Sequence[str] = ()) -> None:
        self._state = None if state is None else _without_prefix(state, anchor)
        self._random = np.random.default_rng(seed)
        self._ignore = tuple(ignore)
        self._used: set[str] = set()
        self._problems: list[str] = []

    def take(self, name: str, shape: tuple[int, ...], *, gain: float = 1.0) -> NDArray[np.float32]:
        """Return a parameter of this shape, float32.

        ``gain`` is the scale of random weights: times 1/√fan-in for matrices and kernels, the mean of vectors.
        """
        self._used.add(name)
        if self._state is None:
            return self._draw(name, shape, gain)
        value = self._state.get(name)
        if value is None:
            self._problems.append(f"{name} {shape} is missing")
        elif value.shape != shape:
            self._problems.append(f"{name} has shape {value.shape}, wanted {shape}")
        else:
            return np.ascontiguousarray(value, dtype=np.float32)
        return np.zeros(shape, np.float32)

    def check(self, architecture: str) -> None:
        """Raise ModelError, with the first few names, where parameters are missing, of another shape, or unused."""
        extra = [
            f"{n} is not part of it" for n in self._state or () if n not in self._used and not self._skip(n)
        ]
        problems = self._problems + extra
        if problems:
            more = f"; and {len(problems) - 4} more" if len(problems) > 4 else ""
            raise ModelError(
                f"the state dict is not that of {architecture}: {'; '.join(problems[:4])}{more}. "
                f"Check the architecture and its depth"
            )

    def _skip(self, name: str) -> bool:
        return name.endswith("num_batches_tracked") or name.startswith(self._ignore)

    def _draw(self, name: str, shape: tuple[int, ...], gain: float) -> NDArray[np.float32]:
        if len(shape) > 1:
            scale = gain / np.sqrt(np.prod(shape[1:]))
            return self._random.standard_normal(shape, np.float32) * np.float32(scale)
        if name.endswith(("running_mean", "bias")):
            return self._random.standard_normal(shape, np.float32) * np.float32(0.1)
        centre = 1.0 if name.endswith("running_var") else gain
        return np.float32(centre) * (0.9 + 0.2 * self._random.random(shape, np.float32))


def _without_prefix(state: State, anchor: str) -> dict[str, NDArray[np.generic]]:
    anchor_name = min((n for n in state if n == anchor or n.endswith(f".{anchor}")), key=len, default=anchor)
    prefix = anchor_name[: -len(anchor)]
    return {n[len(prefix) :]: v for n, v in state.items() if n.startswith(prefix)}
