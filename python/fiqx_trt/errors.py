"""Every error this package raises.

::

    FiqxError
    ├── InvalidInputError (ValueError)         an argument has the wrong shape, dtype, range or name
    │   └── DeviceMismatchError                arrays on different devices in one call
    ├── ImageError (ValueError)                a picture that cannot be used; ``.status`` is its row status
    ├── SourceError (ValueError)               an input named by the user cannot be listed
    │   └── ContradictionError                 a file says two things of one picture or pair
    ├── StorageError (OSError)                 an object store cannot be reached, or refuses
    ├── ModelError (ValueError)                an ONNX file that is not a usable face-recognition network
    │   ├── LicenceError                       the licence of a known model must be accepted first
    │   ├── ModelUnavailableError              a known model is not on this machine and cannot be fetched
    │   └── NotCalibratedError                 a scaled quality was asked of a model without α and r
    ├── OutputError (OSError)                  an output cannot be written, exists already or belongs to another run
    ├── DependencyError (ImportError)          an optional package is missing
    ├── PluginError (ImportError)              what another package registered here cannot be used
    ├── BackendError (RuntimeError)            an inference backend failed
    │   ├── BackendUnavailableError            the backend, device or precision asked for is not on this machine
    │   ├── InferenceError                     the backend failed while running
    │   └── ParityError                        two sessions of one graph disagree
    └── CudaError (RuntimeError)               a CUDA call failed
        └── CudaUnavailableError               a device array was given, and this build or machine has no CUDA

Each derives from the builtin in parentheses too, so ``except ValueError`` keeps working.
"""

from __future__ import annotations

__all__ = [
    "BackendError",
    "BackendUnavailableError",
    "ContradictionError",
    "CudaError",
    "CudaUnavailableError",
    "DependencyError",
    "DeviceMismatchError",
    "FiqxError",
    "ImageError",
    "InferenceError",
    "InvalidInputError",
    "LicenceError",
    "ModelError",
    "ModelUnavailableError",
    "NotCalibratedError",
    "OutputError",
    "ParityError",
    "PluginError",
    "SourceError",
    "StorageError",
    "reraise_interruption",
]


class FiqxError(Exception):
    """Base of every error of this package."""


class InvalidInputError(FiqxError, ValueError):
    """An argument has the wrong shape, dtype, range or name."""


class DeviceMismatchError(InvalidInputError):
    """Arrays on different devices were given to one call."""


class ImageError(FiqxError, ValueError):
    """A picture that cannot be used.

    Parameters
    ----------
    message
        What is wrong with the picture.
    status
        The row status it leads to: ``decode_error``, ``too_small`` or ``unsupported``.
    """

    def __init__(self, message: str, *, status: str) -> None:
        super().__init__(message)
        self.status = status


class SourceError(FiqxError, ValueError):
    """An input named by the user (file, folder, list, table) cannot be listed."""


class ContradictionError(SourceError):
    """A well-formed file states two different things about one picture or pair."""


class StorageError(FiqxError, OSError):
    """An object store cannot be reached, or does not let this user read; never a fault of one picture."""


class ModelError(FiqxError, ValueError):
    """An ONNX file that is not a usable face-recognition network."""


class LicenceError(ModelError):
    """A known model's licence requires the user's consent, which is not given yet."""


class ModelUnavailableError(ModelError):
    """A known model's file is not on this machine and cannot be fetched; the message names the cures."""


class NotCalibratedError(ModelError):
    """A scaled quality was requested of a model that has no α and r."""


class OutputError(FiqxError, OSError):
    """An output cannot be written, exists already, or belongs to a run with another configuration."""


class DependencyError(FiqxError, ImportError):
    """An optional package is missing; the message names the extra that installs it."""


class PluginError(FiqxError, ImportError):
    """What another package registered here cannot be used; the message names the package and the entry."""


class BackendError(FiqxError, RuntimeError):
    """An inference backend failed."""


class BackendUnavailableError(BackendError):
    """The requested backend, device or precision is not available on this machine."""


class InferenceError(BackendError):
    """The backend failed while running a graph."""


class ParityError(BackendError):
    """Two sessions of one graph disagree by more than the tolerance."""


class CudaError(FiqxError, RuntimeError):
    """A CUDA call failed."""


class CudaUnavailableError(CudaError):
    """A device array was given, but this build or this machine has no CUDA."""


def reraise_interruption(error: BaseException) -> None:
    """Raise the KeyboardInterrupt that an error hides, if any.

    An extension module that is interrupted while it is imported raises ImportError: as if its package were missing.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, KeyboardInterrupt):
            raise cause from None
        cause = cause.__cause__ or cause.__context__
