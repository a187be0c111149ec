"""A page in one piece: markup, style and script in one answer, and a policy that lets nothing else in.

The policy names style and script by their digests: what a photo's name or a reviewer might smuggle in does not run.
"""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
_STYLE, _SCRIPT = "/*STYLE*/", "/*SCRIPT*/"


@dataclass(frozen=True, kw_only=True)
class Page:
    """html: the whole page. policy: its Content-Security-Policy. offline_script: its service worker."""

    html: str
    policy: str
    offline_script: str


def review_page() -> Page:
    """The page on which photos are kept and dropped."""
    parts = {name: (FOLDER / "review" / name).read_text() for name in ("page.html", "style.css", "offline.js")}
    script = "".join((FOLDER / "review" / name).read_text() for name in ("post.js", "words.js", "deck.js", "page.js"))
    html = parts["page.html"].replace(_STYLE, parts["style.css"]).replace(_SCRIPT, script)
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(parts['style.css'])}'; "
        "img-src blob: data:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return Page(html=html, policy=policy, offline_script=parts["offline.js"])


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
