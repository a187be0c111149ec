"""The photographs an evaluation compares with: chosen from a dataset's manifest, opened one after another."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from farm.errors import InvalidInput, NotFound, PhotoRefused
from farm.specs.evaluation import CHUNK, LEAST_PEOPLE, PhotoSet, is_fit, too_few
from farm.storage import Storage, keys
from workers.cascade.pixels import Picture
from workers.cascade.stage import batched
from workers.curation.manifest import read_manifest
from workers.photos.opening import open_photo
from workers.training.data import PHOTO_MAX_BYTES, PHOTO_MAX_PX, Photo, area_reduced, framed

FEW_PEOPLE = 300
"""With fewer people only large differences can be seen."""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Photos in order of their sha256, and the person on each as a number. warnings: what a reader should know."""

    photos: tuple[Photo, ...]
    people: tuple[int, ...]
    warnings: tuple[str, ...]

    @property
    def chunks(self) -> list[tuple[Photo, ...]]:
        """The photos in groups that are described at once."""
        return [tuple(group) for group in batched(self.photos, CHUNK)]


def chosen_photos(wanted: PhotoSet, storage: Storage, *, size_px: int, least_people: int = LEAST_PEOPLE) -> Chosen:
    """Kept photos of the split with true detail of `size_px`: none of them has to be enlarged.

    Raises InvalidInput where the manifest is gone, damaged or another one, and where too few people are left.
    """
    rows = [row for row in _manifest(wanted, storage) if is_fit(row, size_px, wanted.split)]
    by_photo = {Photo(**{name: row[name] for name in Photo.__dataclass_fields__}): row for row in rows}
    photos = tuple(sorted(by_photo))
    whose = [str(by_photo[photo]["person"] or photo.sha256) for photo in photos]
    numbers = {person: place for place, person in enumerate(sorted(set(whose)))}
    faces = sum(bool(by_photo[photo]["face_found"]) for photo in photos)
    if photos and not faces:
        told = f"no face was found on any of the {len(photos)} photos of {wanted.dataset}: portraits are compared with "
        raise InvalidInput(told + "photographs of faces; look at the dataset, or add other photographs")
    if len(numbers) < least_people:
        raise InvalidInput(too_few(wanted, size_px, found=len(photos), people=len(numbers)))
    people = tuple(numbers[person] for person in whose)
    return Chosen(photos=photos, people=people, warnings=_warnings(wanted, len(photos), len(numbers), faces))


def _manifest(wanted: PhotoSet, storage: Storage) -> list[dict[str, Any]]:
    try:
        body = storage.get(wanted.manifest_key)
    except NotFound as error:
        raise InvalidInput(f"the manifest of {wanted.dataset} is gone: there is no {wanted.manifest_key}") from error
    if hashlib.sha256(body).hexdigest() != wanted.manifest_sha256:
        raise InvalidInput(f"{wanted.manifest_key} is not the manifest that {wanted.dataset} was made with")
    return read_manifest(body)


def _warnings(wanted: PhotoSet, photos: int, people: int, faces: int) -> tuple[str, ...]:
    told = []
    if people < FEW_PEOPLE:
        told.append(f"only {photos} photos of {people} people to compare with: only large differences can be seen")
    if wanted.split in ("train", "all"):
        told.append("these photos may have been learned from: what memorises them looks good; hold people out")
    if faces < 0.9 * photos:
        told.append(f"a face was found on {faces} of {photos} photos; the others are compared as they are")
    return tuple(told)


def identity_of(photos: Sequence[Photo]) -> list[dict[str, object]]:
    """What decides the pixels of photos, as plain JSON."""
    return [{name: value for name, value in asdict(photo).items() if name != "native_px"} for photo in photos]


def frames(photos: Sequence[Photo], storage: Storage) -> Iterator[Picture]:
    """The photos' face frames at their own size, one after another. Raises PhotoRefused naming the photo."""
    for photo in photos:
        key = keys.photo(photo.sha256, photo.ext)
        try:
            pixels = open_photo(storage.get(key), max_bytes=PHOTO_MAX_BYTES, max_px=PHOTO_MAX_PX).pixels
        except NotFound as error:
            raise PhotoRefused(f"a photo of the dataset is gone: there is no {key}") from error
        except PhotoRefused as error:
            raise PhotoRefused(f"{key} cannot be opened: {error.message}") from error
        yield framed(pixels, photo)


def pictures(photos: Sequence[Photo], storage: Storage, *, size_px: int) -> Picture:
    """uint8 [n, size, size, 3]: the photos' face frames, reduced."""
    return np.stack([area_reduced(frame, size_px) for frame in frames(photos, storage)])
