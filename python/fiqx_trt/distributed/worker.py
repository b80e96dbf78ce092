"""A worker: it opens the model once, and turns one unit after the other into a part."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from fiqx_trt.distributed.folder import OWN, open_folder
from fiqx_trt.distributed.parts import Part, RunKey, describe, encode_part, part_name, read_part
from fiqx_trt.distributed.plan import require_same
from fiqx_trt.distributed.scratch import scratch_folder
from fiqx_trt.distributed.shards import FILE_COLUMNS, files_name, write_members
from fiqx_trt.errors import OutputError
from fiqx_trt.faces.batch import iter_batches
from fiqx_trt.faces.labels import Labels
from fiqx_trt.faces.prepare import FacePreparer, FaceRecord
from fiqx_trt.faces.sources import Source
from fiqx_trt.faces.units import Unit
from fiqx_trt.rows import Column, Row, RunMeta, score_columns
from fiqx_trt.rows.schema import Value, check_row, group_inputs, is_failed
from fiqx_trt.runs.record import RanModel, run_record
from fiqx_trt.runs.settings import RunSettings

__all__ = ["MIXED", "OpenWorker", "Order", "Task", "in_hand_name"]

#: Backend, device and precision of a run of several; and the column that says which of them made a row.
MIXED, DEVICE = "mixed", "device"


@dataclass(frozen=True)
class Order:
    """What every worker of a run is told; it can be pickled.

    Parameters
    ----------
    settings
        The settings of the run; backend, device and precision are those of the run's first worker once it is known.
    location
        The folder of the parts.
    call
        What was called, for the record.
    batch
        Batch size; does not affect results.
    labels
        Names of the labels that become columns (:mod:`fiqx_trt.faces.labels`).
    here
        The current folder of the run, to which relative paths belong.
    joins
        Whether the run has begun, so that a worker that would compute otherwise cannot begin.
    mixed
        Whether workers may differ in backend, device and precision; then the column ``device`` says which one made a row.
    """

    settings: RunSettings
    location: str
    call: Sequence[str]
    batch: int = 32
    labels: Sequence[str] = ()
    here: str = field(default_factory=os.getcwd)
    joins: bool = False
    mixed: bool = False

    def joining(self, first: RunMeta) -> Order:
        """Return the order for further workers: they use the backend and the precision that the first one chose, unless mixed."""
        if self.mixed:
            return replace(self, joins=True)
        runtime = replace(self.settings.runtime, backend=first.backend, precision=first.precision)
        return replace(self, settings=replace(self.settings, runtime=runtime), joins=True)

    def enter(self) -> None:
        """Make the run's current folder that of this process, as a process of another machine needs it.

        Raises
        ------
        OutputError
            There is no such folder here.
        """
        try:
            os.chdir(self.here)
        except OSError as error:
            raise OutputError(
                f"the current folder of the run, {self.here}, is not on this machine ({error.strerror}); start the run in a "
                "folder that all machines have"
            ) from error


@dataclass(frozen=True)
class Task:
    """A unit to make.

    Parameters
    ----------
    unit
        The unit.
    retry
        Whether the unit has a part of which only failed inputs are made again.
    careful
        Whether to name each picture in a file before it is touched, because the unit has killed workers.
    crashed
        Positions in the unit of the pictures that killed a worker, and by what.
    """

    unit: Unit
    retry: bool = False
    careful: bool = False
    crashed: Mapping[int, str] = field(default_factory=dict)


def in_hand_name(number: int) -> str:
    """Return the file that names the picture in the hands of a careful worker."""
    return f"{OWN}/in-hand-{number:08d}"


class OpenWorker:
    """A worker whose model is open.

    Parameters
    ----------
    order
        What it is told.

    Raises
    ------
    ModelError, BackendUnavailableError, InvalidInputError
        The model cannot be opened, or a setting is wrong.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        settings = order.settings
        make = settings.prepare()
        with ExitStack() as opened:
            own = opened.enter_context(scratch_folder())
            self._files = opened.enter_context(settings.open_files(own))
            model = opened.enter_context(settings.open_model())
            self._maker = make(model, self._files)
            self._preparer = opened.enter_context(settings.faces.preparer(model.spec, settings.runtime))
            ran = RanModel.of(model)
            record = run_record(ran, {**settings.faces.parameters, **self._maker.parameters}, order.call)
            labels = [Column(name, "str") for name in (*order.labels, *([DEVICE] if order.mixed else []))]
            columns = score_columns((*self._maker.columns, *labels), detection=not settings.faces.aligned)
            self.record: RunMeta = replace(
                _of_any_machine(record) if order.mixed else record, columns=columns
            )
            self._ran = f"{ran.backend}, {ran.device}, {self._maker.ran}"
            self.notes = [*self._maker.notes()]
            self._folder = open_folder(order.location)
            if order.joins:
                self._require_same()
            self._opened = opened.pop_all()
        self._units_sha256 = ""

    def run(self, task: Task) -> Part:
        """Make the part of a unit and publish it.

        Raises
        ------
        StorageError, OutputError
            An input or the folder cannot be reached, or this worker's settings are not those of the run.
        """
        if not self._units_sha256:
            self._units_sha256 = require_same(self._folder, self.record).units_sha256
        self._files.begin(count(), clear=True)
        labels = Labels(self._order.labels)
        made = [*self._rows(task, labels)]
        rows: list[Row] = [{**row, **labels.of(str(row["path"])), **self._device(row)} for row in made]
        for folder in self._files.folders:
            rows = self._publish_files(folder, task.unit.number, rows)
        run = RunKey(self.record.configuration_sha256, self._units_sha256)
        part = describe(task.unit, run, rows, self._ran)
        self._folder.write(part_name(part.unit), encode_part(self.record.columns, rows, part))
        return part

    def close(self) -> None:
        """Free the model and the detector."""
        self._opened.close()

    def _device(self, row: Row) -> dict[str, Value]:
        """Return the column that says what made a row; a row that is kept keeps it."""
        return {DEVICE: row[DEVICE] or self._ran} if self._order.mixed else {}

    def _publish_files(self, folder: Path, number: int, rows: Sequence[Row]) -> list[Row]:
        """Publish the files of a unit's faces as one archive, and return the rows, which name them in it."""
        name = files_name(folder.name, number)
        with self._folder.create(name) as file:
            write_members(file, ((path.name, path.read_bytes()) for path in sorted(folder.iterdir())))
        column = FILE_COLUMNS[folder.name]
        return [{**row, column: f"{name}/{row[column]}"} if row[column] else row for row in rows]

    def _require_same(self) -> None:
        cure = "leave that machine out, or name --backend, --precision and --device"
        try:
            require_same(self._folder, self.record, cure=cure)
        except OutputError as error:
            raise OutputError(f"on the machine {platform.node()}: {error}") from error

    def _rows(self, task: Task, labels: Labels) -> Iterator[Row]:
        sources = self._order.settings.choose(task.unit.number, task.unit.sources(labels))
        if task.careful:
            return self._careful(task, sources)
        if task.retry and not self._files.folders:  # files of faces are in one archive, which is made anew
            return self._retried(task, sources)
        return self._made(sources)

    def _made(self, sources: Iterable[Source]) -> Iterator[Row]:
        threads = self._order.settings.runtime.threads or 2
        batch = self._order.batch
        told = self._preparer.announced(sources)
        for records in iter_batches(told, self._preparer, batch=batch, threads=threads):
            yield from self._checked(self._maker.rows(records, self._maker.measure(records)))
        yield from self._checked(self._maker.finish())

    def _checked(self, rows: Iterable[Row]) -> Iterator[Row]:
        return (check_row(row, self.record.columns) for row in rows)

    def _retried(self, task: Task, given: Iterable[Source]) -> Iterator[Row]:
        """Yield the rows of a part, those of failed inputs made again."""
        name = part_name(task.unit.number)
        with self._folder.open(name) as file:
            _, old = read_part(file, name)
            groups = list(group_inputs(old))
        sources = list(given)
        if [source.path for source in sources] != [str(group[0]["path"]) for group in groups]:
            raise OutputError(f"the inputs changed: {name} was made of others; use --overwrite to start anew")
        failed = [source for source, group in zip(sources, groups, strict=True) if is_failed(group)]
        made = group_inputs(self._made(failed))
        for group in groups:
            yield from next(made) if is_failed(group) else group

    def _careful(self, task: Task, sources: Iterable[Source]) -> Iterator[Row]:
        """Yield the rows of one picture after the other, each named in a file first; the rows are the same."""
        name = in_hand_name(task.unit.number)
        for position, source in enumerate(sources):
            if position in task.crashed:
                error = f"the worker died of it: {task.crashed[position]}"
                yield check_row(
                    {"path": source.path, "status": "crashed", "error": error}, self.record.columns
                )
                continue
            self._folder.write(name, f"{position}".encode())
            records = _prepared(self._preparer, source)
            yield from self._checked(self._maker.rows(records, self._maker.measure(records)))
            yield from self._checked(self._maker.finish())
        self._folder.remove(name)


def _of_any_machine(record: RunMeta) -> RunMeta:
    """Return a record without what may differ between the machines of a mixed run."""
    parameters = {name: value for name, value in record.parameters.items() if name != "backend.package"}
    return replace(record, backend=MIXED, device=MIXED, precision=MIXED, parameters=parameters)


def _prepared(preparer: FacePreparer, source: Source) -> list[FaceRecord]:
    return [record for one in preparer.announced([source]) for record in preparer(one)]
