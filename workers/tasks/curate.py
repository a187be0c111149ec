"""Curate: photos of an intake list in, verdicts and previews out. No photo fails the task."""

from dataclasses import dataclass
from typing import Any

from farm.errors import NotFound, StorageUnavailable
from farm.ledger.rows import Outcome
from farm.recipe import canonical_json
from farm.settings import Settings
from farm.specs import CurateSpec
from farm.specs.intake import IntakePhoto, parse_intake
from farm.storage import Storage, keys
from workers.curation.judging import judge_photo, look_at
from workers.curation.policy import Policy
from workers.curation.verdicts import Row, dropped
from workers.lifecycle import Assignment, words_of
from workers.tasks.claimed import spec_of
from workers.tasks.dataset_version import policy_from


@dataclass(frozen=True, kw_only=True)
class CurateTask:
    """The handler of curate tasks. A unit is the index of a photo in the intake list."""

    storage: Storage
    settings: Settings

    def __call__(self, assignment: Assignment) -> Outcome | None:
        """Judge photos in order; what is judged by the end is kept under this attempt's own key."""
        claim = assignment.claim
        spec = spec_of(claim, CurateSpec)
        photos = parse_intake(self.storage.get(keys.intake(spec.intake))).photos
        policy = policy_from(spec.policy, self.settings)
        rows: list[Row] = []
        assignment.begin()
        while assignment.cursor < assignment.hi and not assignment.stop:
            unit = assignment.cursor
            self._judge(assignment, unit, photos[unit], policy, rows)
            assignment.report(assignment.cursor - claim.lo)
        if not rows or not assignment.may_write:
            return None
        key = keys.verdicts(claim.job_id, claim.cursor, assignment.cursor, claim.attempt)
        self.storage.put(key, canonical_json({"version": 1, "rows": rows}), if_absent=False)
        return Outcome(output={"verdicts": key})

    def _judge(self, assignment: Assignment, unit: int, photo: IntakePhoto, policy: Policy, rows: list[Row]) -> None:
        try:
            rows.append(self._verdict(photo, policy))
        except StorageUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - recorded as this photo's failure; its neighbours stay
            assignment.settle(unit, error=words_of(error))
        else:
            assignment.settle(unit)

    def _verdict(self, photo: IntakePhoto, policy: Policy) -> Row:
        if photo.sha256 is None:
            return refused(photo, photo.refused or "its bytes were not sent", policy=policy)
        try:
            body = self.storage.get(keys.photo(photo.sha256, photo.ext))
        except NotFound:
            return refused(photo, "its bytes were never uploaded", policy=policy)
        looked = look_at(photo.name, body, policy=policy)
        if looked.preview is not None:
            # Named by what was read: a list may call the bytes by a name that is not theirs.
            self.storage.put(keys.photo_preview(looked.row["sha256"]), looked.preview)
        return looked.row


def refused(photo: IntakePhoto, reason: str, *, policy: Policy) -> dict[str, Any]:
    """The row of a photo that nobody looked at."""
    row = judge_photo(photo.name, b"", policy=policy)
    return row | {"sha256": photo.sha256 or "", "ext": photo.ext, **dropped("readable", reason)}
