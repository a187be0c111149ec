"""Photos asked for one by one of whoever started this process, through a folder.

    wanted/<sha256>.<ext>   empty: please bring this photo
    photos/<sha256>.<ext>   here it is; renamed into place whole, and removed by whoever asked once it was read

Both sides may be killed at any moment: what is missing is asked for again, and a fresh attempt gets a fresh folder.
"""

import threading
from pathlib import Path

from farm.errors import Unavailable
from workers.training.data import Photo, file_name

_LOOK_S = 0.01


class PhotoSpool:
    """The asking side. Holds no more photos than threads that wait for one."""

    def __init__(self, folder: Path) -> None:
        self._wanted, self._photos = folder / "wanted", folder / "photos"
        self._closed = threading.Event()
        for each in (self._wanted, self._photos):
            each.mkdir(parents=True, exist_ok=True)

    def body(self, photo: Photo) -> bytes:
        """The photo's bytes, as soon as they were brought. Raises Unavailable when closed meanwhile."""
        wanted, brought = self._wanted / file_name(photo), self._photos / file_name(photo)
        while not self._closed.is_set():
            # In this order: a photo is put in place before its wish is removed.
            is_coming = wanted.exists()
            try:
                body = brought.read_bytes()
            except FileNotFoundError:
                if not is_coming:
                    wanted.touch()
                self._closed.wait(_LOOK_S)
            else:
                brought.unlink(missing_ok=True)
                return body
        raise Unavailable(f"{file_name(photo)} did not come before the end")

    def close(self) -> None:
        """Whoever waits for a photo waits no longer."""
        self._closed.set()
