"""Labels that files hold beside their pictures: WebDataset's ``000123.cls`` beside ``000123.jpg``, the labels of RecordIO.

A label is a text with a name: that of a member of an archive is what follows the first dot of its file name (``cls``, ``json``,
``seg.txt``), that of a record is ``label``: one number, or a JSON list of several; that of a row of a table is another column.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["LONGEST", "Labels"]

#: Bytes of the longest label that is kept; a longer member is none.
LONGEST = 1 << 16


class Labels:
    r"""The labels of one name or several of the pictures of a unit.

    Parameters
    ----------
    names
        Names of the labels.

    Examples
    --------
    >>> labels = Labels(["cls"])
    >>> labels.take("x.tar/a/7.cls", b"12\n")
    >>> labels.of("x.tar/a/7.jpg"), labels.of("x.tar/a/8.jpg")
    ({'cls': '12'}, {'cls': None})
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._own: dict[tuple[str, str], str] = {}
        self._found: dict[tuple[str, str], str] = {}

    def wants(self, path: str, size: int) -> bool:
        """Return whether a member of an archive is a label that is kept."""
        return size <= LONGEST and _split(path)[1] in self.names

    def take(self, path: str, data: bytes) -> None:
        """Keep the content of a member."""
        key, name = _split(path)
        self.keep(key, name, data.decode("utf-8", "replace").strip())

    def keep(self, key: str, name: str, text: str) -> None:
        """Keep the label `name` of the pictures called `key` and a suffix."""
        if name in self.names:
            self._found[key, name] = text

    def keep_own(self, path: str, name: str, text: str) -> None:
        """Keep the label `name` of the picture that is called `path`."""
        self._own[path, name] = text

    def of(self, path: str) -> dict[str, str | None]:
        """Return the labels of a picture; ``None`` where it has none of a name."""
        key = _split(path)[0]
        return {name: self._own.get((path, name), self._found.get((key, name))) for name in self.names}


def _split(path: str) -> tuple[str, str]:
    """Return a member's key, up to the first dot of its file name, and what follows."""
    folder, slash, file = path.rpartition("/")
    key, _, name = file.partition(".")
    return folder + slash + key, name
