"""Certify: beside portraits of a render job the nearest photographs that were learned from, and whether they are too
near. The first unit prepares the photographs; then each unit is a chunk of portraits."""

import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from PIL import Image

from farm.errors import WorkFailed
from farm.ledger import Ledger
from farm.ledger.outputs import outputs_of
from farm.ledger.rows import Outcome
from farm.planning import sampled_place
from farm.recipe import canonical_json
from farm.specs import CertifySpec
from farm.specs.evaluation import PhotoSet, Source
from farm.specs.looks import CERTIFIED
from farm.storage import Storage, keys
from workers.evaluation.certificate import certificate, side_by_side
from workers.evaluation.memorisation import FEWEST_PEOPLE, SIDE_PX, Bound, Gallery, method_digest, prepared
from workers.lifecycle import Assignment
from workers.rendering.contact_sheet import MAX_TILES, Tile, contact_sheet
from workers.tasks.claimed import spec_of
from workers.tasks.evaluation_photos import Chosen, chosen_photos, frames, identity_of
from workers.tasks.kept_features import KeptFeatures
from workers.tasks.painted import StoredSide
from workers.training.data import Photo

GALLERY = "gallery"
SHOWN = 2
"""Tiles of a portrait on the sheet: itself and its photo."""


@dataclass(frozen=True, kw_only=True)
class CertifyTask:
    """The handler of certify tasks."""

    ledger: Ledger
    storage: Storage

    def __call__(self, assignment: Assignment) -> Outcome | None:
        """Settle units in order. Raises InvalidInput where photos are too few, or a portrait is gone or damaged."""
        spec = spec_of(assignment.claim, CertifySpec)
        work = CertifyWork(spec, self.ledger, self.storage, assignment)
        assignment.begin()
        if assignment.cursor == 0:
            if not work.prepare():
                return None
            assignment.settle(0)
            return Outcome(output={"bound": asdict(work.gallery.bound())})
        bound = _bound_of(self.ledger, assignment.claim.job_id)
        while assignment.cursor < assignment.hi and not assignment.stop:
            work.certify(assignment.cursor - 1, bound)
            assignment.settle(assignment.cursor)
        return None


class CertifyWork:
    """One certification in one process."""

    def __init__(self, spec: CertifySpec, ledger: Ledger, storage: Storage, assignment: Assignment) -> None:
        if spec.photos is None or spec.sample is None:
            raise WorkFailed("the certification is not resolved")
        self._spec, self._sample, self._storage, self._assignment = spec, spec.sample, storage, assignment
        self._photo_set: PhotoSet = spec.photos
        self._kept = KeptFeatures(storage=storage, extractor=method_digest(), size_px=SIDE_PX)
        self._total = ledger.get_job(spec.job).total
        size_px = int(ledger.get_job(spec.job).spec["size_px"])
        source = Source(
            name=f"job {spec.job}", kind="job", digest="0" * 64, job=spec.job, own_px=size_px, base_px=size_px
        )
        self._side = StoredSide(ledger=ledger, storage=storage, source=source, size_px=size_px)
        self._photos: Chosen | None = None
        self._gallery: Gallery | None = None

    @property
    def photos(self) -> Chosen:
        """All photographs of the training split, whatever their size."""
        if self._photos is None:
            self._photos = chosen_photos(self._photo_set, self._storage, size_px=1, least_people=FEWEST_PEOPLE)
        return self._photos

    @property
    def gallery(self) -> Gallery:
        """The photographs, prepared."""
        if self._gallery is None:
            digests = [self._digest_of(group) for group in self.photos.chunks]
            small = [arrays[GALLERY] for _, arrays in self._kept.read_all(digests, self._assignment.alive)]
            names = [photo.sha256 for photo in self.photos.photos]
            people = [str(person) for person in self.photos.people]
            self._gallery = Gallery.of(np.concatenate(small), names=names, people=people)
        return self._gallery

    def prepare(self) -> bool:
        """Photographs that are not prepared yet are; False where the task had to stop before the last."""
        for group in self.photos.chunks:
            digest = self._digest_of(group)
            if not self._kept.is_kept(digest):
                small = np.stack([prepared(frame) for frame in frames(group, self._storage)])
                self._kept.keep(digest, {GALLERY: small}, tuple(photo.sha256 for photo in group))
            self._assignment.alive()
            if self._assignment.stop:
                return False
        return True

    def certify(self, chunk: int, bound: Bound) -> None:
        """A certificate and a picture for each portrait of a chunk."""
        for place in range(chunk * CERTIFIED, min((chunk + 1) * CERTIFIED, self._sample)):
            at = sampled_place(place, job=self._spec.job, sample=self._sample, total=self._total)
            (seed,) = self._side.names(at, at + 1)
            ((recipe, sha256),) = self._side.identity(at, at + 1)["stored"]
            (portrait,) = self._side.pictures(at, at + 1)
            (nearest,) = self.gallery.nearest(prepared(portrait)[None])
            told = certificate(
                nearest,
                bound,
                portrait_sha256=sha256,
                recipe_digest=recipe,
                dataset_digest=self._photo_set.manifest_sha256,
            )
            (photo,) = frames([self.photos.photos[nearest.index]], self._storage)
            self._put(int(seed), "jpg", side_by_side(portrait, photo, nearest))
            self._put(int(seed), "json", told.canonical_json().encode())
            self._assignment.alive()

    def _put(self, seed: int, extension: str, body: bytes) -> None:
        key = keys.certificate(self._assignment.claim.job_id, seed, extension)
        self._storage.put(key, body, if_absent=False)

    def _digest_of(self, group: tuple[Photo, ...]) -> str:
        return self._kept.digest_of({"photos": identity_of(group), "as": GALLERY})


def end_certification(assignment: Assignment, *, ledger: Ledger, storage: Storage) -> Outcome:
    """The list of all certificates, nearest first, and a sheet of the nearest."""
    claim, spec = assignment.claim, spec_of(assignment.claim, CertifySpec)
    rows = sorted(_rows(claim.job_id, storage, assignment), key=lambda row: (row["ratio"], int(row["seed"])))
    bound = _bound_of(ledger, claim.job_id)
    told = {
        "version": 1,
        "job": claim.job_id,
        "of": spec.job,
        "against": spec.photos.dataset if spec.photos else spec.against,
        "threshold": round(bound.distance, 4),
        "photos": bound.photos,
        "people": bound.people,
        "nearest_pair": list(bound.nearest_pair),
        "too_near": sum(row["verdict"] == "too near" for row in rows),
        "portraits": rows,
    }
    storage.put(keys.certificates(claim.job_id), canonical_json(told), if_absent=False)
    sheet = contact_sheet(_tiles(rows[: MAX_TILES // SHOWN], claim.job_id, storage))
    storage.put(keys.contact_sheet(claim.job_id), sheet, if_absent=False)
    return Outcome(
        output={"certificates": keys.certificates(claim.job_id), "contact": keys.contact_sheet(claim.job_id)}
    )


def _rows(job_id: int, storage: Storage, assignment: Assignment) -> Iterator[dict[str, Any]]:
    for info in storage.list(f"jobs/{job_id}/certificates/"):
        stem, _, extension = info.key.rpartition("/")[2].partition(".")
        if extension != "json":
            continue
        told: dict[str, Any] = json.loads(storage.get(info.key))
        assignment.alive()
        yield {
            "seed": stem,
            "distance": told["distance"],
            "ratio": round(told["distance"] / told["bound"], 4) if told["bound"] else None,
            "verdict": told["verdict"],
            "photo": told["nearest_photo_sha256"],
        }


def _tiles(rows: list[dict[str, Any]], job_id: int, storage: Storage) -> Iterator[Tile]:
    for row in rows:
        with Image.open(io.BytesIO(storage.get(keys.certificate(job_id, int(row["seed"]), "jpg")))) as opened:
            pixels = np.asarray(opened.convert("RGB"))
        side = pixels.shape[0]
        yield Tile(label=f"{row['seed']}: {row['distance']:.1f}, {row['verdict']}", picture=pixels[:, :side])
        yield Tile(label=str(row["photo"])[:12], picture=pixels[:, -side:])


def _bound_of(ledger: Ledger, job_id: int) -> Bound:
    found = outputs_of(ledger, job_id, "bound")
    if not found:
        raise WorkFailed("the photographs of this certification are not prepared")
    told = dict(found[0])
    name, other, distance = told.pop("nearest_pair")
    return Bound(**told, nearest_pair=(str(name), str(other), float(distance)))
