"""Find the data files of other distributions without importing them.

Importing ``face_recognition_models`` needs ``pkg_resources``, which newer Pythons do not have, and importing ``mtcnn``
loads TensorFlow. Only a data file of each is needed, so only their folder is located.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fiqx_trt.errors import DependencyError

__all__ = ["find_file"]


def find_file(package: str, *parts: str, purpose: str, extra: str = "demo") -> Path:
    """Return the path of a data file, given by `parts`, inside an installed top-level package, without importing it.

    ``purpose`` is what the file is needed for, and ``extra`` the extra of this distribution that installs the package, both
    for the DependencyError where it is not installed.

    Examples
    --------
    >>> find_file("numpy", "__init__.py", purpose="this example").name
    '__init__.py'
    """
    cure = f'install it with: pip install "fiqx-trt[{extra}]"'
    if "." in package:
        raise DependencyError(f"{package!r} is not a top-level package name, so its files cannot be located")
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DependencyError(f"{purpose} needs the package {package!r}, which is not installed; {cure}")
    for folder in spec.submodule_search_locations:
        path = Path(folder).joinpath(*parts)
        if path.is_file():
            return path
    raise DependencyError(
        f"{purpose} needs {'/'.join(parts)!r} of the package {package!r}, but the installed version in "
        f"{next(iter(spec.submodule_search_locations))} has no such file; re{cure}"
    )
