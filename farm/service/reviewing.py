"""Reviewing: people say keep or drop, a ranking learns from it, and the doubtful photos come first."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from farm.errors import InvalidInput, NotFound, Problem
from farm.ledger import Ledger
from farm.ledger.reviews import ReviewEvent, Standing
from farm.service.albums import Album, Albums
from farm.service.shelf import Shelf
from farm.sorting import Agreement, Ranking, agreement, fit_ranking, next_turns
from farm.sorting.ranking import SURE
from farm.storage import Storage, keys

KEEP, DROP = "keep", "drop"
MODELS_KEPT = 4
REFIT_SHARE, REFIT_MIN = 0.03, 3
"""A ranking is fitted again when so many more labels are there than it knows, as a share of them, or at least."""


@dataclass(frozen=True, kw_only=True)
class PhotoTurn:
    """A photo to be judged: its row, why it is its turn, and how probable it is that it is kept (None: not known)."""

    row: Mapping[str, Any]
    why: str
    probability: float | None


@dataclass(frozen=True, kw_only=True)
class ReviewerCount:
    """How many photos of the version a reviewer keeps and drops."""

    reviewer: str
    keep: int
    drop: int


@dataclass(frozen=True, kw_only=True)
class ReviewState:
    """How far the review of one version is.

    labelled: photos that anybody judged. disputed: those that are both kept and dropped. sure_keep, sure_drop: photos
    nobody judged of which the ranking is sure (probability at least SURE). ranking: None before it could be fitted.
    """

    dataset: str
    version: int
    photos: int
    labelled: int
    disputed: int
    sure_keep: int
    sure_drop: int
    reviewers: tuple[ReviewerCount, ...]
    agreement: Agreement
    ranking: Ranking | None


@dataclass(frozen=True, kw_only=True)
class Sorted:
    """What becomes of a photo. source: who says so. probability: that it is kept; the reviewers' share of keeps."""

    verdict: str
    source: Literal["reviewers", "ranking"]
    probability: float


@dataclass(frozen=True, kw_only=True)
class _Labels:
    """What stands of one album at one revision: labels by place and reviewer, and the share of keeps by place."""

    revision: int
    by_place: Mapping[int, Mapping[str, bool]]
    shares: Mapping[int, float]


@dataclass(frozen=True, kw_only=True)
class _Model:
    fitted_on: int
    ranking: Ranking | None
    probabilities: Sequence[float] | None


_NOTHING = _Model(fitted_on=0, ranking=None, probabilities=None)


class Reviewing:
    """The verbs of a review. Threads may share it; every verb raises errors of farm/errors.py alone.

    A dataset is named `name`, its newest version, or `name@version`; labels belong to the photo in all versions.
    """

    def __init__(self, *, ledger: Ledger, storage: Storage) -> None:
        self._ledger, self._storage = ledger, storage
        self._albums = Albums(ledger=ledger, storage=storage)
        self._models: Shelf[tuple[str, int], _Model] = Shelf(MODELS_KEPT)
        self._labels: Shelf[tuple[str, int], _Labels] = Shelf(MODELS_KEPT)
        self._fitting = threading.Lock()

    def next(self, reference: str, reviewer: str, *, count: int) -> list[PhotoTurn]:
        """The next photos for a reviewer. Raises NotFound, InvalidInput, Conflict."""
        album = self._albums.open(reference)
        labels, checked = self._standing(album), check_reviewer(reviewer)
        chances = self._model(album, labels).probabilities
        done = {place for place, said in labels.by_place.items() if checked in said}
        others = sorted(set(labels.by_place) - done, key=lambda p: (abs(labels.shares[p] - 0.5), p))
        turns = next_turns(chances, album.kept, done=done, others=others, labels=len(labels.by_place), count=count)
        return [
            PhotoTurn(
                row=album.row(turn.place),
                why="disputed" if 0 < labels.shares.get(turn.place, 0) < 1 else turn.why,
                probability=None if chances is None else chances[turn.place],
            )
            for turn in turns
        ]

    def say(self, reference: str, events: Sequence[ReviewEvent], *, reviewer: str, owner: str) -> int:
        """Keep what a reviewer says; how much of it was new.

        Raises InvalidInput naming every event of a photo the version has not: then none of them is kept.
        """
        album = self._albums.open(reference)
        strange = [
            Problem(f"labels.{index}.sha256", f"dataset {album.name}@{album.version} has no such photo")
            for index, event in enumerate(events)
            if event.sha256 not in album.place
        ]
        if strange:
            told = f"{len(strange)} of {len(events)} labels are of photos that are not there; nothing was stored"
            raise InvalidInput(told, problems=strange)
        return self._ledger.reviews.add(album.name, events, reviewer=check_reviewer(reviewer), owner=owner)

    def state(self, reference: str) -> ReviewState:
        """How far the review is. Raises NotFound, InvalidInput, Conflict."""
        album = self._albums.open(reference)
        labels = self._standing(album)
        model = self._model(album, labels)
        unseen = (p for place, p in enumerate(model.probabilities or ()) if place not in labels.by_place)
        sides = [side for p in unseen if (side := _side(p, SURE)) is not None]
        by_reviewer = _by_reviewer(labels)
        counts = {reviewer: sum(said.values()) for reviewer, said in by_reviewer.items()}
        return ReviewState(
            dataset=album.name,
            version=album.version,
            photos=len(album),
            labelled=len(labels.by_place),
            disputed=sum(0 < share < 1 for share in labels.shares.values()),
            sure_keep=sides.count(KEEP),
            sure_drop=sides.count(DROP),
            reviewers=tuple(
                ReviewerCount(reviewer=reviewer, keep=counts[reviewer], drop=len(said) - counts[reviewer])
                for reviewer, said in by_reviewer.items()
            ),
            agreement=agreement(by_reviewer),
            ranking=model.ranking,
        )

    def disputed(self, reference: str) -> list[tuple[Mapping[str, Any], Mapping[str, bool]]]:
        """Rows that reviewers differ on, with what each says (True: keep), by sha256."""
        album = self._albums.open(reference)
        labels = self._standing(album)
        places = sorted(place for place, share in labels.shares.items() if 0 < share < 1)
        return [(album.row(place), labels.by_place[place]) for place in places]

    def labels(self, reference: str) -> list[tuple[str, Standing]]:
        """File and label of every photo of the version that anybody judged, by file and reviewer."""
        album = self._albums.open(reference)
        standing = self._ledger.reviews.standing(album.name)
        files = {sha: str(album.row(album.place[sha])["file"]) for sha in {s.sha256 for s in standing} & {*album.place}}
        found = [(files[s.sha256], s) for s in standing if s.sha256 in files and s.label is not None]
        return sorted(found, key=lambda each: (each[0], each[1].reviewer))

    def preview(self, reference: str, sha256: str) -> bytes:
        """A small JPEG of a photo. Raises NotFound, also where the photo could not be opened."""
        self._albums.open(reference).place_of(sha256)
        try:
            return self._storage.get(keys.photo_preview(sha256))
        except NotFound as error:
            raise NotFound(f"photo {sha256} has no preview: it could not be opened, or its version is old") from error

    def sorted_photos(self, reference: str, *, ranking: float | None = None) -> dict[str, Sorted]:
        """What becomes of photos, by sha256: the majority's label, and where there is none what the ranking is sure of.

        ranking: the least probability that counts as sure, above 0.5; None leaves the ranking out. Photos that neither
        decides, ties among them, are missing: their verdict stays. Fitted on all labels: the same labels, the same
        answer. Raises InvalidInput, NotFound, Conflict.
        """
        if ranking is not None and not 0.5 < ranking <= 1.0:
            raise InvalidInput(
                "the ranking's certainty is wrong", problems=[Problem("ranking", "above 0.5, at most 1")]
            )
        album = self._albums.open(reference)
        labels = self._standing(album)
        found = {
            album.sha256[place]: Sorted(verdict=KEEP if share > 0.5 else DROP, source="reviewers", probability=share)
            for place, share in labels.shares.items()
            if share != 0.5
        }
        if ranking is not None and (fitted := fit_ranking(album.table, labels.shares)) is not None:
            for place, p in enumerate(fitted.probabilities(album.table)):
                if place not in labels.by_place and (side := _side(p, ranking)) is not None:
                    found[album.sha256[place]] = Sorted(verdict=side, source="ranking", probability=p)
        return found

    def _standing(self, album: Album) -> _Labels:
        key, revision = (album.name, album.version), self._ledger.reviews.revision(album.name)
        known = self._labels.get(key)
        if known is not None and known.revision == revision:
            return known
        by_place: dict[int, dict[str, bool]] = {}
        for said in self._ledger.reviews.standing(album.name):
            if said.label is not None and said.sha256 in album.place:
                by_place.setdefault(album.place[said.sha256], {})[said.reviewer] = said.label == KEEP
        shares = {place: sum(said.values()) / len(said) for place, said in by_place.items()}
        fresh = _Labels(revision=revision, by_place=by_place, shares=shares)
        self._labels.put(key, fresh)
        return fresh

    def _model(self, album: Album, labels: _Labels) -> _Model:
        """The ranking, at most a few labels old. Who comes while another fits takes the old one."""
        key = album.name, album.version
        old = self._models.get(key) or _NOTHING
        if not _stale(old, labels) or not self._fitting.acquire(blocking=old is _NOTHING):
            return old
        try:
            other = self._models.get(key) or _NOTHING
            if not _stale(other, labels):
                return other
            ranking = fit_ranking(album.table, labels.shares)
            chances = None if ranking is None else ranking.probabilities(album.table)
            fresh = _Model(fitted_on=len(labels.shares), ranking=ranking, probabilities=chances)
            self._models.put(key, fresh)
            return fresh
        finally:
            self._fitting.release()


def check_reviewer(name: str) -> str:
    """The reviewer's name without blanks around it. Raises InvalidInput."""
    name = name.strip()
    if not (0 < len(name) <= 64 and name.isprintable()):
        raise InvalidInput(
            "the reviewer's name is wrong", problems=[Problem("reviewer", "1 to 64 printable characters")]
        )
    return name


def _by_reviewer(labels: _Labels) -> dict[str, dict[str, bool]]:
    found: dict[str, dict[str, bool]] = {}
    for place, said in labels.by_place.items():
        for reviewer, kept in said.items():
            found.setdefault(reviewer, {})[str(place)] = kept
    return dict(sorted(found.items()))


def _stale(model: _Model, labels: _Labels) -> bool:
    return abs(len(labels.shares) - model.fitted_on) >= max(REFIT_MIN, REFIT_SHARE * model.fitted_on)


def _side(probability: float, sure: float) -> str | None:
    if probability >= sure:
        return KEEP
    return DROP if probability <= 1 - sure else None
