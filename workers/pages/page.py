"""One HTML file from a template and plain values. Everything a value says is escaped; nothing is fetched."""

import base64
import functools
import hashlib
import io
import re
from collections.abc import Callable
from typing import Any

import jinja2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from farm.errors import NotFound

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {scripts}"
THUMB_PX = 160

ReadPicture = Callable[[str], bytes]
"""The bytes of an object by its key; raises NotFound."""


def render_page(template: str, **values: Any) -> bytes:
    """The page as UTF-8. Its own scripts alone may run: the page's policy names them by their sha256."""
    body = _environment().get_template(template).render(**values)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in _SCRIPT.findall(body)]
    scripts = " ".join(f"'sha256-{each}'" for each in hashes) or "'none'"
    return body.replace("@@POLICY@@", POLICY.format(scripts=scripts)).encode()


def thumbnail(body: bytes, *, side_px: int = THUMB_PX) -> str:
    """A picture of our own (JPEG or PNG bytes) as a small JPEG in a data: address; "" where it cannot be read."""
    try:
        with Image.open(io.BytesIO(body), formats=["JPEG", "PNG"]) as picture:
            picture.draft("RGB", (side_px, side_px))
            small = picture.convert("RGB")
            small.thumbnail((side_px, side_px), Image.Resampling.BOX)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return ""
    return _address(small)


def stored_thumbnail(key: str | None, read: ReadPicture, *, side_px: int = THUMB_PX) -> str:
    """The picture under a key as `thumbnail` gives it; "" where there is none."""
    if not key:
        return ""
    try:
        return thumbnail(read(key), side_px=side_px)
    except NotFound:
        return ""


def picture_address(pixels: NDArray[np.uint8]) -> str:
    """Pixels uint8 [H, W, 3] as a JPEG in a data: address."""
    return _address(Image.fromarray(pixels))


def _address(picture: Image.Image) -> str:
    sink = io.BytesIO()
    picture.save(sink, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(sink.getvalue()).decode()


@functools.lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("workers.pages"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["number"] = number
    environment.filters["share"] = lambda value: f"{value:.0%}"
    return environment


def number(value: Any) -> str:
    """A number as people read it: 3 significant digits, thousands apart; words as they are, nothing for None."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
