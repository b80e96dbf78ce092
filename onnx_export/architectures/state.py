"""The parameters of a network: a checkpoint's, checked against the architecture, or random ones."""

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
    """Read a PyTorch checkpoint into NumPy arrays; nothing in the file is executed.

    Parameters
    ----------
    path
        A file that ``torch.save`` wrote: a state dict, or a dict that holds one under a usual name.

    Returns
    -------
    dict
        Parameter name to array; half-precision parameters become float32.

    Raises
    ------
    DependencyError
        torch is not installed.
    ModelError
        The file is missing, or holds something else than tensors.
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
    """What an architecture reads its parameters from, one by one.

    Problems are collected, so that one message names them all.

    Parameters
    ----------
    state
        Parameter name to array; ``None`` draws random, well-scaled parameters.
    seed
        Of the random parameters.
    anchor
        Name of a parameter at the network's root. Where the checkpoint has it behind a prefix (``module.``),
        the prefix is taken off and parameters without it, those of other modules, are left aside.
    ignore
        Prefixes of parameters that belong to training alone.
    """

    def __init__(self, state: State | None, *, seed: int, anchor: str, ignore: Sequence[str] = ()) -> None:
        self._state = None if state is None else _without_prefix(state, anchor)
        self._random = np.random.default_rng(seed)
        self._ignore = tuple(ignore)
        self._used: set[str] = set()
        self._problems: list[str] = []

    def take(self, name: str, shape: tuple[int, ...], *, gain: float = 1.0) -> NDArray[np.float32]:
        """Return a parameter, float32.

        Parameters
        ----------
        name, shape
            What the architecture reads.
        gain
            Scale of random weights: times 1/√fan-in for matrices and kernels, the mean of vectors.
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
        """Raise when parameters were missing, misshaped or left over.

        Raises
        ------
        ModelError
            The message names the first few.
        """
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
    found = min((n for n in state if n == anchor or n.endswith(f".{anchor}")), key=len, default=anchor)
    prefix = found[: -len(anchor)]
    return {n[len(prefix) :]: v for n, v in state.items() if n.startswith(prefix)}
