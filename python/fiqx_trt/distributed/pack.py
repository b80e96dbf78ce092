"""Pictures of any inputs as numbered tar shards: one stream for each few thousand pictures instead of a request for each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from fiqx_trt.distributed.folder import OWN, RunFolder, open_folder
from fiqx_trt.distributed.listing import Listing, unchanged
from fiqx_trt.distributed.plan import Plan
from fiqx_trt.distributed.shards import write_members
from fiqx_trt.errors import FiqxError, ImageError, InvalidInputError, OutputError
from fiqx_trt.faces.storage import is_url
from fiqx_trt.faces.units import LOOSE, Unit, digest_units
from fiqx_trt.faces.walk import is_picture_name
from fiqx_trt.text import escape_text

if TYPE_CHECKING:
    from fiqx_trt.distributed.run import Share
    from fiqx_trt.runs.options import Inputs
    from fiqx_trt.runs.progress import Progress

__all__ = ["Packed", "member_name", "pack_pictures", "shard_name"]

PLAN = f"{OWN}/pack.json"
_LEFT_OUT = "left-out-"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_SUFFIXES = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"RIFF": ".webp", b"BM": ".bmp"}


@dataclass(frozen=True)
class Packed:
    """What was packed.

    Parameters
    ----------
    shards, done
        Shards of the inputs, and those that exist.
    pictures
        Pictures that were packed now.
    left_out
        Pictures of all shards that could not be read; the files ``_fiqx/left-out-*.jsonl`` name them.
    stopped
        Whether the run was asked to stop.
    """

    shards: int
    done: int
    pictures: int
    left_out: int
    stopped: bool

    @property
    def complete(self) -> bool:
        """Whether every shard exists."""
        return self.done == self.shards


def shard_name(name: str, number: int) -> str:
    """Return the file name of a shard.

    Examples
    --------
    >>> shard_name("faces", 42)
    'faces-000042.tar'
    """
    return f"{name}-{number:06d}.tar"


def pack_pictures(
    inputs: Inputs,
    location: str,
    *,
    name: str = "shard",
    pictures: int = LOOSE,
    resume: bool = False,
    share: Share | None = None,
    report: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Packed:
    """Write the pictures of some inputs into numbered tar shards, byte for byte as they are.

    A shard is a unit of the inputs (:mod:`fiqx_trt.faces.units`). It appears whole or not at all, and the same inputs always give
    the same bytes, so that a run that was ended goes on where it was.

    Parameters
    ----------
    inputs
        The pictures.
    location
        The folder of the shards, a path or a URL.
    name
        The begin of the shards' names.
    pictures
        Loose pictures in a shard.
    resume
        Whether to go on with the shards of these inputs that are in the folder.
    share
        The shards of this process, where several processes work on one folder.
    report, stop
        See :func:`fiqx_trt.runs.score_table`; the first is called after every shard, the second after every picture.

    Raises
    ------
    SourceError, InvalidInputError
        An input does not exist, or a setting is wrong.
    StorageError
        An input or the folder cannot be reached.
    OutputError
        The folder holds shards of other inputs, or any and `resume` is false, or it cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"--name is {name!r}; give letters, digits and -_. for the names of the shards"
        )
    if pictures < 1:
        raise InvalidInputError(f"--pictures is {pictures}; give 1 or more")
    listing = Listing(inputs, loose=pictures)
    plan = Plan(*digest_units(listing.units()))
    folder = open_folder(location)
    _begin(folder, plan, name, resume=resume or share is not None)
    there = folder.names()
    packed = failed = 0
    stopped = False
    for unit in unchanged(listing.units(), plan):
        shard = shard_name(name, unit.number)
        if shard in there or (share is not None and not share.has(unit.number)):
            continue
        try:
            written, left_out = _pack(folder, shard, unit, stop)
        except _StoppedError:
            stopped = True
            break
        packed, failed = packed + written, failed + left_out
        if report is not None:
            report(done=packed + failed, failed=failed)
    there = folder.names()
    done = sum(shard_name(name, number) in there for number in range(plan.units))
    return Packed(plan.units, done, packed, _count_left_out(folder), stopped)


class _StoppedError(Exception):
    """The run shall stop; the shard in hand is dropped."""


def _begin(folder: RunFolder, plan: Plan, name: str, *, resume: bool) -> None:
    """Write what is packed, or find that it is what this folder holds."""
    text = (json.dumps({"name": name, **asdict(plan)}, indent=1) + "\n").encode()
    earlier = folder.read(PLAN)
    if earlier is None:
        if any(one.startswith(f"{name}-") and one.endswith(".tar") for one in folder.names()):
            raise OutputError(
                f"{folder.location} holds shards called {name}-….tar already; give another --out or --name"
            )
        folder.write(PLAN, text)
    elif not resume:
        raise OutputError(
            f"{folder.location} holds packed shards already; use --resume to go on, or another --out"
        )
    elif earlier != text:
        raise OutputError(
            f"{folder.location} was packed from other inputs, or with another --name or --pictures; give the old ones, or "
            "another --out"
        )


def _pack(folder: RunFolder, shard: str, unit: Unit, stop: Callable[[], bool]) -> tuple[int, int]:
    """Write a shard; return how many pictures it holds and how many were left out."""
    left_out: list[dict[str, str]] = []
    count = 0

    def members() -> Iterator[tuple[str, bytes]]:
        nonlocal count
        for source in unit.sources():
            if stop():
                raise _StoppedError
            try:
                data = source.read()
            except ImageError as error:
                left_out.append({"path": escape_text(source.path), "error": str(error)})
                continue
            count += 1
            yield member_name(source.path, data), data

    try:
        with folder.create(shard) as file:
            write_members(file, members())
            if left_out:  # before the shard appears, as a shard that exists is not looked at again
                lines = "".join(json.dumps(one) + "\n" for one in left_out)
                folder.write(f"{OWN}/{_LEFT_OUT}{unit.number:06d}.jsonl", lines.encode())
    except FiqxError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {shard} in {folder.location}: {error.strerror or error}") from error
    return count, len(left_out)


def member_name(path: str, data: bytes) -> str:
    r"""Return the name in a shard of a picture: its path without what no reader of archives takes.

    The scheme of a URL, a leading ``/``, and ``.`` and ``..`` go; a name that begins with a dot gets ``_`` before it. A name that
    does not end like a picture, such as a row of a table, gets the suffix of its bytes.

    Examples
    --------
    >>> member_name("s3://faces/../.a/b.jpg", b""), member_name("faces.parquet#7", b"\x89PNG")
    ('faces/_.a/b.jpg', 'faces.parquet#7.png')
    """
    plain = path.partition("://")[2] if is_url(path) else path
    parts = [part for part in plain.split("/") if part not in ("", ".", "..")] or ["picture"]
    name = "/".join(f"_{part}" if part.startswith(".") else part for part in parts)
    if is_picture_name(name):
        return name
    return name + next((end for magic, end in _SUFFIXES.items() if data.startswith(magic)), ".jpg")


def _count_left_out(folder: RunFolder) -> int:
    names = sorted(name for name in folder.names(OWN) if name.startswith(_LEFT_OUT))
    return sum((folder.read(f"{OWN}/{name}") or b"").count(b"\n") for name in names)
