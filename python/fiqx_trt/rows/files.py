"""The paths of the files of a table, and the conversion of system errors to one-line messages."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fiqx_trt.errors import OutputError
from fiqx_trt.rows.meta import RunMeta, meta_path, temporary_path
from fiqx_trt.rows.reader import table_format
from fiqx_trt.text import shown

__all__ = ["TableFiles", "writing"]


@dataclass(frozen=True)
class TableFiles:
    """The files of one table.

    During a run its rows and its record are beside the output (``<out>.partial``, ``<out>.partial.meta.json``), so that the
    table and the record of an earlier run stay complete until the new ones replace them.

    Parameters
    ----------
    out
        The finished table.
    """

    out: Path

    @classmethod
    def of(cls, path: Path) -> TableFiles:
        """Return the files of the output `path`, with links resolved.

        Raises
        ------
        OutputError
            If the suffix is unknown, `path` is a folder, or its folder cannot be made.
        """
        try:
            table_format(path)
        except ValueError as error:
            raise OutputError(str(error)) from error
        with writing(path):
            files = cls(Path(os.path.realpath(path)))
            if files.out.is_dir():
                raise OutputError(f"{shown(path)} is a folder; give the name of a file in it")
            files.out.parent.mkdir(parents=True, exist_ok=True)
        return files

    @property
    def format(self) -> str:
        """``"csv"``, ``"jsonl"`` or ``"parquet"``."""
        return table_format(self.out)

    @property
    def meta(self) -> Path:
        """Record of the finished table."""
        return meta_path(self.out)

    @property
    def partial(self) -> Path:
        """Rows of an unfinished run."""
        return self.out.with_name(self.out.name + ".partial")

    @property
    def partial_meta(self) -> Path:
        """Record of an unfinished run."""
        return meta_path(self.partial)

    @property
    def converting(self) -> Path:
        """Temporary file of the table, where its format is not one of lines."""
        return self.out.with_name(self.out.name + ".converting")

    def recover(self) -> None:
        """Complete a run that was killed after it renamed the table and before it renamed the record."""
        if self.partial.exists() or not self.partial_meta.exists() or not self.out.exists():
            return
        if RunMeta.read(self.partial_meta).state == "complete":
            self.partial_meta.replace(self.meta)

    def discard(self) -> None:
        """Remove the files of an unfinished run."""
        temporary = temporary_path(self.partial_meta)
        for path in (self.partial, self.partial_meta, self.converting, temporary):
            path.unlink(missing_ok=True)

    def sync_folder(self) -> None:
        """Sync the output's folder, so that renames survive a power failure."""
        fd = os.open(self.out.parent, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


@contextlib.contextmanager
def writing(path: Path, *, cure: str = "") -> Iterator[None]:
    """Convert an OSError raised inside the block to an OutputError with a one-line message, which ends in the `cure`."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {shown(path)}: {error.strerror or error}{cure}") from error
