"""Whether a dataset has photographs enough to compare with, told from the list of photos that curation left."""

import gzip
import io
import json
import zlib

from farm.errors import NotFound, Problem
from farm.specs.evaluation import LEAST_PEOPLE, PhotoSet, is_fit, too_few
from farm.storage import Storage, keys


def photo_problems(photos: PhotoSet, size_px: int, *, storage: Storage) -> list[Problem]:
    """What is wrong with these photographs at that size. One photo at a time is in memory, beside the list's file."""
    if photos.kept < LEAST_PEOPLE:
        told = f"{photos.dataset} kept {photos.kept} photos: at least {LEAST_PEOPLE} people are needed; add photographs"
        return [Problem("against", told)]
    name, _, version = photos.dataset.partition("@")
    try:
        body = storage.get(keys.dataset_photos(name, int(version)))
    except NotFound:
        return []  # an old version: the worker that reads the manifest finds out
    found, people = 0, set()
    try:
        with gzip.open(io.BytesIO(body), "rt", encoding="utf-8") as lines:
            for line in lines:
                photo = json.loads(line)
                if is_fit(photo, size_px, photos.split):
                    found += 1
                    people.add(photo["person"] or photo["sha256"])
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        return [Problem("against", f"the list of photos of {photos.dataset} cannot be read: {error}")]
    if len(people) >= LEAST_PEOPLE:
        return []
    return [Problem("against", too_few(photos, size_px, found=found, people=len(people)))]
