"""The maps that ``amva`` rests on: made here, or in parts by many workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fiqx_trt.cli.console import open_progress

if TYPE_CHECKING:
    from fiqx_trt.cli.groups import CamGroup, InputGroup, LargestFaceGroup, ModelGroup, RuntimeGroup
    from fiqx_trt.cli.parts_run import StudyRuns
    from fiqx_trt.experiments.member_maps import MemberMaps
    from fiqx_trt.runs.record import RanModel

__all__ = ["MapsJob"]


@dataclass(frozen=True)
class MapsJob:
    """Make the maps of the members of groups.

    Parameters
    ----------
    model, faces, pictures, runtime, maps
        The options of the command.
    wanted
        Path → position of every image that needs a map.
    shown
        Positions of the images whose faces are shown.
    """

    model: ModelGroup
    faces: LargestFaceGroup
    pictures: InputGroup
    runtime: RuntimeGroup
    maps: CamGroup
    wanted: Mapping[str, int]
    shown: set[int]

    def here(self, *, quiet: bool) -> tuple[MemberMaps, RanModel]:
        """Make them in this process; return them and what ran."""
        from fiqx_trt.experiments.member_maps import map_members
        from fiqx_trt.runs.record import RanModel

        with (
            self.model.open(self.runtime) as opened,
            open_progress(len(self.wanted), quiet=quiet) as report,
        ):
            mapped = map_members(
                self.pictures.sources(),
                opened,
                self.faces.preparer(opened.spec, self.runtime),
                self.wanted,
                options=self.maps,
                shown=self.shown,
                report=report,
            )
            return mapped, RanModel.of(opened)

    def in_parts(self, runs: StudyRuns) -> tuple[MemberMaps, RanModel]:
        """Make them by a run in parts; return them and what ran."""
        from fiqx_trt.distributed.studies import read_members
        from fiqx_trt.distributed.study_rows import StudySettings
        from fiqx_trt.runs.record import RanModel

        settings = StudySettings(
            model=self.model.model,
            faces=self.faces,
            runtime=self.runtime,
            contract=self.model.contract,
            cam=self.maps,
            wanted=frozenset(self.wanted),
            shown=frozenset(path for path, position in self.wanted.items() if position in self.shown),
        )
        location = runs(settings, "members/")
        with self.model.open(self.runtime) as opened:
            ran = RanModel.of(opened)
        mapped = read_members(location, self.wanted, size=ran.spec.input_size, shown=self.shown)
        record = runs.results[-1].record
        return mapped, replace(ran, backend=record.backend, device=record.device, precision=record.precision)
