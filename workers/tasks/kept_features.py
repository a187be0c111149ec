"""Features in storage, one object for each group of pictures, under a key that says of what and by whom."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from farm.errors import InvalidInput, NotFound, WorkFailed
from farm.recipe import canonical_digest
from farm.storage import Storage, keys
from workers.evaluation.feature_file import Arrays, Label, from_file, to_file

_log = logging.getLogger(__name__)

VERSION = 1
Read = tuple[Label, Arrays]


@dataclass(frozen=True, kw_only=True)
class KeptFeatures:
    """What one extractor found at one size. Whoever asks for the same pictures again finds them described."""

    storage: Storage
    extractor: str
    size_px: int

    def digest_of(self, identity: Any) -> str:
        """The name of the features of pictures that this plain JSON decides."""
        told = {"version": VERSION, "extractor": self.extractor, "size_px": self.size_px, "of": identity}
        return canonical_digest(told)

    def is_kept(self, digest: str) -> bool:
        """Whether they are there and whole. What is damaged or another's is told in the log, and false."""
        try:
            self.read(digest)
        except NotFound:
            return False
        except InvalidInput as error:
            _log.warning("%s is described again: %s", keys.features(digest), error.message)
            return False
        return True

    def keep(self, digest: str, arrays: Arrays, names: tuple[str, ...]) -> None:
        """Write them, over what may be there: `is_kept` said that it is no good."""
        label = Label(of=digest, extractor=self.extractor, size_px=self.size_px, names=names)
        self.storage.put(keys.features(digest), to_file(arrays, label), if_absent=False)

    def read(self, digest: str) -> Read:
        """Raises NotFound, and InvalidInput saying what is wrong with them."""
        body = self.storage.get(keys.features(digest))
        return from_file(body, of=digest, extractor=self.extractor, size_px=self.size_px)

    def read_all(self, digests: Iterable[str], alive: Callable[[], None]) -> Iterator[Read]:
        """Those of an evaluation, one group after another. Raises WorkFailed naming the object that is no good."""
        for digest in digests:
            try:
                yield self.read(digest)
            except (NotFound, InvalidInput) as error:
                told = f"{keys.features(digest)} is no good ({error.message}); submit the evaluation again: "
                raise WorkFailed(told + "what is missing or damaged is described anew, all else is reused") from error
            alive()
