"""What the API takes and answers about a review: labels in; photos, how far it is, and who says what out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import Field, ValidationError

from farm.api.answers import Answer, time_of
from farm.errors import InvalidInput
from farm.ledger.reviews import ReviewEvent, Standing
from farm.service.reviewing import PhotoTurn, ReviewState
from farm.specs.fields import DIGEST, Number, Spec
from farm.specs.jobs import problems_of

LABELS_MAX = 500
_LATEST_S = 1e11
_SHOWN_MISTAKES = 20


class LabelIn(Spec):
    """One label; null takes back what was said before. event: an id of the sender's own making, one for each label.

    decided_at: when, in seconds since the epoch by the reviewer's clock.
    """

    sha256: str = Field(pattern=DIGEST)
    label: Literal["keep", "drop"] | None
    event: str = Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")
    decided_at: Number = Field(ge=0, lt=_LATEST_S)


class LabelsIn(Spec):
    """Labels in the order in which they were given. reviewer: whose they are; the key's name without it."""

    reviewer: str | None = Field(default=None, max_length=64)
    labels: list[LabelIn] = Field(max_length=LABELS_MAX)

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "LabelsIn":
        """Raises InvalidInput naming every mistake, the first of them."""
        try:
            return cls.model_validate(body)
        except ValidationError as error:
            problems = problems_of(error)[:_SHOWN_MISTAKES]
            raise InvalidInput("the labels have mistakes; nothing was stored", problems=problems) from error

    def events(self) -> list[ReviewEvent]:
        """The labels as the ledger keeps them."""
        return [ReviewEvent(**label.model_dump()) for label in self.labels]


class StoredOut(Answer):
    """How many of the labels were new. The others had been stored before."""

    received: int
    stored: int


class MeasurementOut(Answer):
    """What one gate found, and a sentence about it."""

    value: float | bool | str | None
    reason: str


class PhotoOut(Answer):
    """One photo to judge. why: doubtful, blind (chosen by chance), disputed, or second (a second opinion).

    probability: that it is kept, by the ranking; null before there is one. preview: where a small JPEG lies.
    """

    sha256: str
    file: str
    verdict: str
    reason: str
    gate: str | None
    native_px: int | None
    width_px: int | None
    height_px: int | None
    teaches: list[int]
    measurements: dict[str, MeasurementOut]
    why: str
    probability: float | None
    preview: str

    @classmethod
    def of(cls, turn: PhotoTurn, reference: str) -> "PhotoOut":
        """The answer for one photo of the dataset named `reference`."""
        row = turn.row
        measured = {
            str(gate): MeasurementOut(value=found.get("value"), reason=str(found.get("reason", "")))
            for gate, found in row.get("measurements", {}).items()
        }
        told: dict[str, Any] = {name: row.get(name) for name in ("gate", "native_px", "width_px", "height_px")}
        told |= {name: str(row[name]) for name in ("sha256", "file", "verdict", "reason")}
        return cls(
            **told,
            teaches=row.get("teaches") or [],
            measurements=measured,
            why=turn.why,
            probability=None if turn.probability is None else round(turn.probability, 4),
            preview=f"/v1/datasets/{reference}/review/previews/{row['sha256']}",
        )


class PhotosOut(Answer):
    """The next photos, the first to come first. Empty: the reviewer has seen them all."""

    reviewer: str
    photos: list[PhotoOut]


class ReviewerOut(Answer):
    """How many photos one reviewer keeps and drops."""

    reviewer: str
    keep: int
    drop: int


class PairOut(Answer):
    """Two reviewers on the photos they share: agreement, 0 … 1, and Cohen's kappa (null where it has none)."""

    one: str
    other: str
    shared: int
    agrees: float
    kappa: float | None


class RankingOut(Answer):
    """What was learnt. log_loss and agrees are of held-out labels: nats (0.693 tosses a coin), and a share 0 … 1."""

    labels: int
    log_loss: float
    agrees: float


class ReviewOut(Answer):
    """How far the review is. shared: photos that two or more judged; agrees, kappa: means over pairs of reviewers."""

    dataset: str
    version: int
    photos: int
    labelled: int
    disputed: int
    sure_keep: int
    sure_drop: int
    reviewers: list[ReviewerOut]
    shared: int
    agrees: float | None
    kappa: float | None
    pairs: list[PairOut]
    ranking: RankingOut | None

    @classmethod
    def of(cls, state: ReviewState) -> "ReviewOut":
        """The answer for a state."""
        together, ranking = state.agreement, state.ranking
        plain = ("dataset", "version", "photos", "labelled", "disputed", "sure_keep", "sure_drop")
        return cls(
            **{name: getattr(state, name) for name in plain},
            reviewers=[ReviewerOut.model_validate(each, from_attributes=True) for each in state.reviewers],
            shared=together.shared,
            agrees=together.agrees,
            kappa=together.kappa,
            pairs=[PairOut.model_validate(pair, from_attributes=True) for pair in together.pairs],
            ranking=None if ranking is None else RankingOut.model_validate(ranking, from_attributes=True),
        )


class LabelOut(Answer):
    """What a reviewer says of a photo."""

    file: str
    sha256: str
    reviewer: str
    label: str
    decided_at: datetime

    @classmethod
    def of(cls, file: str, said: Standing) -> "LabelOut":
        """The answer for a label that stands."""
        told = str(said.label)
        return cls(
            file=file, sha256=said.sha256, reviewer=said.reviewer, label=told, decided_at=time_of(said.decided_at)
        )


class DisputeOut(Answer):
    """A photo that reviewers differ on, with what each says."""

    sha256: str
    file: str
    verdict: str
    reason: str
    labels: dict[str, str]

    @classmethod
    def of(cls, row: Mapping[str, Any], said: Mapping[str, bool]) -> "DisputeOut":
        """The answer for one photo."""
        labels = {reviewer: "keep" if kept else "drop" for reviewer, kept in sorted(said.items())}
        return cls(**{name: str(row[name]) for name in ("sha256", "file", "verdict", "reason")}, labels=labels)
