"""Finalise: what a finished job leaves behind, written once by a task of its own."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from farm.errors import NotFound, WorkFailed
from farm.ledger import Ledger
from farm.ledger.rows import Outcome
from farm.ledger.states import TaskState
from farm.settings import Settings
from farm.specs import CurateSpec, FilmSpec, GiantSpec, SelectSpec, UpscaleSpec, VerifySpec, parse_spec
from farm.specs.intake import IntakePhoto, parse_intake
from farm.storage import Storage, keys
from workers.curation.verdicts import Row, conclude
from workers.lifecycle import Assignment
from workers.rendering.contact_sheet import MAX_TILES, Tile, contact_sheet, evenly
from workers.tasks.certify import end_certification
from workers.tasks.claimed import spec_of
from workers.tasks.curate import refused
from workers.tasks.dataset_version import DatasetVersion, policy_from
from workers.tasks.evaluation_end import end_evaluation
from workers.tasks.film import write_films
from workers.tasks.giant_end import forget_tiles, previews_of
from workers.tasks.listing import results_of, unwritten, write_parts
from workers.tasks.result_list import ResultList, errors_of
from workers.tasks.select import savings, tiles_of, units_of
from workers.tasks.verify import conclusion


@dataclass(frozen=True, kw_only=True)
class FinaliseTask:
    """The handler of finalise tasks: one unit, whatever kind of job it ends."""

    ledger: Ledger
    storage: Storage
    settings: Settings

    def __call__(self, assignment: Assignment) -> Outcome:
        """Written objects are functions of the settled job, so that a second attempt writes the same."""
        match assignment.claim.spec.get("kind"):
            case "render":
                outcome = self._render(assignment)
            case "film":
                outcome = self._film(assignment)
            case "giant" | "upscale":
                outcome = self._giant(assignment)
            case "select":
                outcome = self._select(assignment)
            case "curate":
                outcome = self._curate(assignment)
            case "verify":
                outcome = self._verify(assignment)
            case "evaluate" | "compare":
                cache = self.settings.home / "cache"
                outcome = end_evaluation(assignment, ledger=self.ledger, storage=self.storage, cache=cache)
            case "certify":
                outcome = end_certification(assignment, ledger=self.ledger, storage=self.storage)
            case kind:
                raise WorkFailed(f"nothing is known of finishing a {kind!r} job")
        if not assignment.stop:
            assignment.settle(assignment.cursor)
        return outcome if not assignment.stop else Outcome(parts=outcome.parts)

    def _render(self, assignment: Assignment) -> Outcome:
        """What is missing of the result list, and the contact sheet."""
        job_id = assignment.claim.job_id
        results = results_of(self.ledger, self.storage, job_id)
        written = write_parts(results, unwritten(results), storage=self.storage, assignment=assignment)
        if assignment.stop:
            return Outcome(parts=written)
        sheet = contact_sheet(self._tiles(results, assignment))
        self.storage.put(keys.contact_sheet(job_id), sheet, if_absent=False)
        return Outcome(output={"contact": keys.contact_sheet(job_id)}, parts=written)

    def _film(self, assignment: Assignment) -> Outcome:
        """What a render job leaves, of frames, and the film itself."""
        left = self._render(assignment)
        if assignment.stop:
            return left
        results = results_of(self.ledger, self.storage, assignment.claim.job_id)
        spec, cache = spec_of(assignment.claim, FilmSpec), self.settings.home / "cache"
        films = write_films(results, spec, storage=self.storage, cache=cache, assignment=assignment)
        return Outcome(output={**(left.output or {}), "films": films}, parts=left.parts)

    def _giant(self, assignment: Assignment) -> Outcome:
        """The result list and the contact sheet; then the tiles go."""
        job_id, spec = assignment.claim.job_id, parse_spec(dict(assignment.claim.spec))
        if not isinstance(spec, GiantSpec | UpscaleSpec):
            raise WorkFailed(f"a giant task belongs to a {spec.kind} job")
        results = results_of(self.ledger, self.storage, job_id)
        written = write_parts(results, unwritten(results), storage=self.storage, assignment=assignment)
        if assignment.stop:
            return Outcome(parts=written)
        sheet = contact_sheet(previews_of(self.storage, assignment, spec))
        self.storage.put(keys.contact_sheet(job_id), sheet, if_absent=False)
        forget_tiles(self.storage, assignment)
        return Outcome(output={"contact": keys.contact_sheet(job_id)}, parts=written)

    def _select(self, assignment: Assignment) -> Outcome:
        """The result list, the contact sheet of the chosen in order, and what the early cull was worth."""
        job_id, spec = assignment.claim.job_id, spec_of(assignment.claim, SelectSpec)
        results = results_of(self.ledger, self.storage, job_id)
        written = write_parts(results, unwritten(results), storage=self.storage, assignment=assignment)
        if assignment.stop:
            return Outcome(parts=written)
        units = units_of(self.ledger, self.storage, job_id, spec)
        output: dict[str, Any] = {"savings": savings(self.ledger, job_id, spec)}
        if units.ranked:
            tiles = tiles_of(units, ledger=self.ledger, storage=self.storage, most=MAX_TILES)
            self.storage.put(keys.contact_sheet(job_id), contact_sheet(tiles), if_absent=False)
            output["contact"] = keys.contact_sheet(job_id)
        return Outcome(output=output, parts=written)

    def _tiles(self, results: ResultList, assignment: Assignment) -> Iterator[Tile]:
        for seed, row in results.portraits_at(evenly(len(results))):
            body = None
            if row is not None and not assignment.stop:
                try:
                    body = self.storage.get(row.key)
                except NotFound:
                    body = None  # deleted meanwhile: an empty tile with its seed
            assignment.alive()
            yield Tile(label=str(seed), picture=body)

    def _verify(self, assignment: Assignment) -> Outcome:
        """What was found, portrait by portrait."""
        job_id = assignment.claim.job_id
        spec = spec_of(assignment.claim, VerifySpec)
        body = conclusion(self.ledger, self.storage, job_id=job_id, spec=spec)
        self.storage.put(keys.verification(job_id), body, if_absent=False)
        return Outcome(output={"verification": keys.verification(job_id)})

    def _curate(self, assignment: Assignment) -> Outcome:
        """The dataset version: every photo of the intake list with its verdict, person and split."""
        claim = assignment.claim
        spec, version = spec_of(claim, CurateSpec), int(claim.spec["version"])
        photos = parse_intake(self.storage.get(keys.intake(spec.intake))).photos
        people = {photo.name: photo.person for photo in photos if photo.person and photo.sha256}
        rows = conclude(self._rows(claim.job_id, photos, spec), people, policy=policy_from(spec.policy, self.settings))
        made = DatasetVersion(name=spec.dataset, version=version, job_id=claim.job_id)
        dataset = made.write(rows, policy=spec.policy, storage=self.storage, alive=assignment.alive)
        return Outcome(dataset=dataset)

    def _rows(self, job_id: int, photos: tuple[IntakePhoto, ...], spec: CurateSpec) -> list[Row]:
        """Every verdict of the accepted attempts, and a dropped row for each photo that could not be looked at."""
        rows: list[Row] = []
        for task in self.ledger.tasks_of(job_id, states=[TaskState.DONE]):
            if task.output and "verdicts" in task.output:
                stored: dict[str, Any] = json.loads(self.storage.get(task.output["verdicts"]))
                rows += stored["rows"]
        judged = {row["file"] for row in rows}
        errors = errors_of(self.ledger, job_id)
        policy = policy_from(spec.policy, self.settings)
        for unit, photo in enumerate(photos):
            if photo.name not in judged:
                reason = f"could not be looked at: {errors.get(unit, 'its verdict is missing')}"
                rows.append(refused(photo, reason, policy=policy))
        return rows
