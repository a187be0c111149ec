"""An evaluation at work: which features it needs, and how those that are not kept yet come about."""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from farm.errors import WorkFailed
from farm.specs import Evaluation
from farm.specs.looks import chunks
from farm.storage import Storage
from workers.cascade.pixels import Picture
from workers.evaluation.described import Described
from workers.evaluation.feature_file import Arrays
from workers.evaluation.onnx_extractor import Features
from workers.tasks.describing import Describing
from workers.tasks.evaluation_photos import Chosen, chosen_photos, identity_of, pictures
from workers.tasks.gathered import described, gathered
from workers.tasks.kept_features import KeptFeatures, Read
from workers.tasks.painted import Side, Sides
from workers.tasks.upscaler_checks import CHECKED, DIGEST, Enlarged, checks_of
from workers.training.data import Photo


@dataclass(frozen=True)
class EvaluationWork:
    """One evaluation in one process. What is found once is kept as long as the task lasts.

    alive: called after each group of pictures.
    """

    spec: Evaluation
    storage: Storage
    sides: Sides
    describers: tuple[Describing, ...]
    alive: Callable[[], None]

    @property
    def size_px(self) -> int:
        """The side at which all is measured."""
        return int(self.spec.size_px or 0)

    @functools.cached_property
    def _kept(self) -> tuple[KeptFeatures, ...]:
        """Where the features of each extractor are."""
        return tuple(
            KeptFeatures(storage=self.storage, extractor=each.digest, size_px=self.size_px) for each in self.describers
        )

    @functools.cached_property
    def photos(self) -> Chosen:
        """The photographs to compare with. Raises InvalidInput where they are too few."""
        if self.spec.photos is None:
            raise WorkFailed("the evaluation is not resolved")
        return chosen_photos(self.spec.photos, self.storage, size_px=self.size_px)

    @functools.cached_property
    def _sides(self) -> tuple[Side, ...]:
        return tuple(self.sides.side(source, self.spec, self.photos) for source in self.spec.sources)

    def side(self, place: int) -> Side:
        """The portraits of one source."""
        return self._sides[place]

    # Describing

    def describe_photos(self) -> Iterator[None]:
        """Describe photographs that are not yet; comes back after each group of them. Raises PhotoRefused."""
        for group in self.photos.chunks:
            names = tuple(photo.sha256 for photo in group)
            shown = functools.partial(pictures, group, self.storage, size_px=self.size_px)
            self._describe(_of_photos(group), names, shown)
            yield

    def describe_portraits(self, place: int, lo: int, hi: int) -> bool:
        """Paint or read portraits lo … hi - 1 of a source and describe them; False where they were already."""
        side = self.side(place)
        names = side.names(lo, hi)
        # Fewer photographs to enlarge than portraits were asked for: there is nothing to do.
        return bool(names) and self._describe(side.identity(lo, hi), names, lambda: self._shown(side, lo, hi))

    def check_upscaler(self, place: int) -> bool:
        """Enlarge a source's first portraits twice; False where it has no upscaler, or that was done before."""
        side = self.side(place)
        if not side.upscaled:
            return False
        digest, names = self._checks.digest_of(side.identity(0, CHECKED)), side.names(0, CHECKED)
        if self._checks.is_kept(digest):
            return False
        self._checks.keep(digest, checks_of(self._watched(side.enlarged(0, CHECKED))), names)
        return True

    def _watched(self, found: Iterable[Enlarged]) -> Iterator[Enlarged]:
        for each in found:
            self.alive()
            yield each

    @functools.cached_property
    def _checks(self) -> KeptFeatures:
        return KeptFeatures(storage=self.storage, extractor=DIGEST, size_px=self.size_px)

    def _describe(self, identity: Any, names: tuple[str, ...], shown: Callable[[], Picture]) -> bool:
        """By every extractor whose features of these pictures are not kept; False where there was none."""
        missing = [place for place, kept in enumerate(self._kept) if not kept.is_kept(kept.digest_of(identity))]
        if not missing:
            return False
        seen = shown()
        for place in missing:
            kept = self._kept[place]
            kept.keep(kept.digest_of(identity), self.describers[place].arrays(seen), names)
            self.alive()
        return True

    def _shown(self, side: Side, lo: int, hi: int) -> Picture:
        shown = []
        for picture in side.pictures(lo, hi):
            shown.append(picture)
            self.alive()
        return np.stack(shown)

    # Reading back

    def gathered_photos(self, folder: Path) -> Described:
        """The photographs' features in one piece, on disk in `folder`. Raises WorkFailed where one is no good."""
        parts, count = self._photo_parts(0), len(self.photos.photos)
        return described(parts, count=count, folder=folder / "photos").of_people(self.photos.people)

    def gathered_portraits(self, place: int, folder: Path, *, until: int) -> Described:
        """The features of a source's first `until` portraits, likewise."""
        parts, count = self._portrait_parts(place, until, 0)
        return described(parts, count=count, folder=folder / f"side-{place}")

    def checks(self) -> Arrays:
        """What `check_upscaler` found of the first source; nothing where it has none. Raises WorkFailed."""
        side = self.side(0)
        if not side.upscaled:
            return {}
        ((_, checks),) = self._checks.read_all([self._checks.digest_of(side.identity(0, CHECKED))], self.alive)
        return checks

    def own_features(self, folder: Path, *, until: int) -> tuple[Features, Features] | None:
        """What the user's network says of the first source's portraits and of the photographs; None without one."""
        if len(self.describers) == 1:
            return None
        parts, count = self._portrait_parts(0, until, 1)
        portraits, _ = gathered(parts, count=count, folder=folder / "own-portraits")
        photos, _ = gathered(self._photo_parts(1), count=len(self.photos.photos), folder=folder / "own-photos")
        return portraits["features"].astype(np.float32), photos["features"].astype(np.float32)

    def _photo_parts(self, extractor: int) -> Iterator[Read]:
        kept = self._kept[extractor]
        digests = [kept.digest_of(_of_photos(group)) for group in self.photos.chunks]
        return kept.read_all(digests, self.alive)

    def _portrait_parts(self, place: int, until: int, extractor: int) -> tuple[Iterator[Read], int]:
        side, kept = self.side(place), self._kept[extractor]
        spans = [(lo, hi) for lo, hi in chunks(0, until) if side.names(lo, hi)]
        digests = (kept.digest_of(side.identity(lo, hi)) for lo, hi in spans)
        return kept.read_all(digests, self.alive), sum(len(side.names(lo, hi)) for lo, hi in spans)


def _of_photos(group: Sequence[Photo]) -> Any:
    return {"photos": identity_of(group)}
