"""What a run in parts is: its settings and its units, written when it begins and compared by everyone who works on it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from fiqx_trt.distributed.folder import OWN, RunFolder
from fiqx_trt.distributed.parts import part_name, part_numbers
from fiqx_trt.distributed.shards import is_files_name
from fiqx_trt.errors import OutputError
from fiqx_trt.faces.units import UNIT_RULE
from fiqx_trt.rows import Mode, RunMeta
from fiqx_trt.rows.meta import utc_now

__all__ = ["PLAN", "RECORD", "SUCCESS", "Plan", "begin", "read_plan"]

PLAN, RECORD, SUCCESS = f"{OWN}/plan.json", f"{OWN}/meta.json", "_SUCCESS"
_ANEW = "give the old ones, or use --overwrite to start anew"


@dataclass(frozen=True)
class Plan:
    """The units of a run.

    Parameters
    ----------
    units
        How many there are.
    units_sha256
        SHA-256 of what they are (:func:`fiqx_trt.faces.units.digest_units`).
    rule
        The rule that cut them.
    """

    units: int
    units_sha256: str
    rule: int = UNIT_RULE


def begin(folder: RunFolder, plan: Plan, record: RunMeta, mode: Mode, *, shared: bool) -> set[int]:
    """Write the plan of a run, or find that it is the one of this folder.

    Parameters
    ----------
    folder
        The folder of the parts.
    plan, record
        The units, and the settings with backend, device and precision as a worker found them.
    mode
        What happens to an earlier run in the folder.
    shared
        Whether others begin the same run at the same time (``--share``): then an earlier plan is theirs.

    Returns
    -------
    set of int
        The numbers of the units that have their part.

    Raises
    ------
    OutputError
        The folder holds a run and `mode` is ``"new"``, or one with other settings or other units.
    """
    names = folder.names(sweep=mode != "new")
    earlier = folder.read(PLAN)
    if mode == "overwrite":
        remove_run(folder, names)
        names, earlier = set(), None
    if earlier is None:
        if part_numbers(names):
            raise OutputError(f"{folder.location} holds parts and no {PLAN}; use --overwrite to start anew")
        if mode == "retry":
            raise OutputError(f"{folder.location} holds no run, so there is nothing to retry; run without it")
        folder.write(RECORD, replace(record, state="running", started=utc_now()).to_json())
        folder.write(PLAN, (json.dumps(asdict(plan), indent=1) + "\n").encode())
    elif mode == "new" and not shared:
        raise OutputError(
            f"{folder.location} holds a run already; use --resume to continue it, or --overwrite"
        )
    found = require_same(folder, record)
    if found != plan:
        raise OutputError(
            f"{folder.location} was begun with other inputs ({found.units} units, now {plan.units}); {_ANEW}"
        )
    return part_numbers(names)


def require_same(folder: RunFolder, record: RunMeta, *, cure: str = _ANEW) -> Plan:
    """Return the plan of the run in the folder, which has the settings of a record.

    Raises
    ------
    OutputError
        It differs; the message names the settings.
    """
    plan, old = read_plan(folder)
    if old.configuration_sha256 != record.configuration_sha256:
        differences = "; ".join(old.differences(record)) or "the kinds of its columns differ"
        raise OutputError(f"{folder.location} was made with other settings: {differences}; {cure}")
    return plan


def read_plan(folder: RunFolder) -> tuple[Plan, RunMeta]:
    """Return the plan and the record of a run.

    Raises
    ------
    OutputError
        The folder holds none.
    """
    plan, record = folder.read(PLAN), folder.read(RECORD)
    if plan is None or record is None:
        raise OutputError(f"{folder.location} holds no run: there is no {PLAN if plan is None else RECORD}")
    try:
        found = Plan(**json.loads(plan))
    except (ValueError, TypeError) as error:
        raise OutputError(f"{folder.location}: {PLAN} is damaged ({error})") from error
    return found, RunMeta.from_json(record, f"{folder.location.rstrip('/')}/{RECORD}")


def remove_run(folder: RunFolder, names: set[str]) -> None:
    """Remove a run's files and nothing else; the plan goes first, so that what a kill leaves is no run."""
    own = sorted(f"{OWN}/{name}" for name in folder.names(OWN) if name.startswith("in-hand-"))
    files = sorted(filter(is_files_name, names))
    for name in (PLAN, RECORD, SUCCESS, *map(part_name, sorted(part_numbers(names))), *files, *own):
        folder.remove(name)
