"""Where the files of one table lie, and turning system errors into one clear line."""

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

    While a run is under way its rows and its record stand beside the output (``<out>.partial``,
    ``<out>.partial.meta.json``), so that the table of an earlier run, and its record, stay whole until the
    new ones replace them.

    Parameters
    ----------
    out
        The finished table.
    """

    out: Path

    @classmethod
    def of(cls, path: Path) -> TableFiles:
        """Return the files for the output `path`; a link stands for the file it points to.

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
        """The record of the finished table."""
        return meta_path(self.out)

    @property
    def partial(self) -> Path:
        """The rows of an unfinished run."""
        return self.out.with_name(self.out.name + ".partial")

    @property
    def partial_meta(self) -> Path:
        """The record of an unfinished run."""
        return meta_path(self.partial)

    @property
    def converting(self) -> Path:
        """The table being made from the finished rows, where the format is not one of lines."""
        return self.out.with_name(self.out.name + ".converting")

    def recover(self) -> None:
        """Finish what a run killed in its last step left: the table in its place, its record not yet."""
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
        """Make renames in the output's folder last through a power cut."""
        fd = os.open(self.out.parent, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


@contextlib.contextmanager
def writing(path: Path, *, cure: str = "") -> Iterator[None]:
    """Turn an ``OSError`` of the body into an `OutputError` of one line: what, where, why, and the `cure`."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {shown(path)}: {error.strerror or error}{cure}") from error
