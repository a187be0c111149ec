"""What makes one portrait: a versioned value in canonical JSON, its digest, and its text inside the file.

Same recipe, same bytes on one render class (device model, torch build, instruction set, dtype, threads); within the
cascade's stated tolerance elsewhere. The render class is therefore *not* part of the recipe: the portrait's row and
its file record it beside the recipe (docs/decisions/0001).
"""

import hashlib
import json
import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from farm.errors import InvalidInput, Problem

RECIPE_VERSION = 1
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_KEYWORD = "recipe"
"""Under which a portrait's file carries its recipe."""
MAX_TEXT_BYTES = 1 << 20
"""No more text than this of one file is kept."""
MAX_CANDIDATES = 64
TEXTURE_LIMIT = 4.0
"""Standard deviations of the training photos; no photo is further out."""
SEED_LIMIT = 2**63
"""Seeds are 0 … 2^63 - 1, so that they fit a signed 64-bit column."""
PATH_LIMIT = 2**31
"""Denominators of points on a path are smaller."""


def canonical_json(value: Any) -> bytes:
    """`value` as UTF-8 JSON with sorted keys, no spaces and no NaN: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def canonical_digest(value: Any) -> str:
    """sha256, in hex, of `canonical_json(value)`."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Step:
    """One upscaler step of the chain: which stage paints it, at which noise level and scale.

    stage: index into the cascade's stages (1 is the first upscaler; the base is 0).
    sigma: noise added to the step's input, in units of the [-1, 1] range; 0 is none.
    scale_log2: scale channel log2(s / S); 0 paints at the full size the stage was built for.
    """

    stage: int
    sigma: float = 0.0
    scale_log2: float = 0.0


@dataclass(frozen=True, kw_only=True)
class PathPoint:
    """A point of a latent path, between two different keyframes (docs/recipes.md §10).

    keys: seeds of the keyframes before, from, to and after: the path there depends on no others. At an end of the path
    its keyframe stands twice. at: how far the point is from the second to the third, in time: an exact fraction in
    lowest terms, 0 < numerator < denominator < 2^31.
    """

    keys: tuple[int, int, int, int]
    at: tuple[int, int]

    def to_json(self) -> dict[str, Any]:
        return {"keys": [str(seed) for seed in self.keys], "at": list(self.at)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "PathPoint":
        before, start, end, after = map(int, value["keys"])
        numerator, denominator = value["at"]
        return cls(keys=(before, start, end, after), at=(numerator, denominator))


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides one portrait.

    cascade: sha256 digest of the cascade. latent_seed: seed of z. noise_seed: seed of the position-keyed noise, apart
    from the latent's so that a film can hold it still. psi: truncation, scales z, 0 … 1.5. steps: the upscalers in
    order; none means the base's own size. size_px: side of the square output. resampler: "none", or "area" when the
    chain's end is reduced to size_px.
    photo: sha256 of a photograph that the steps enlarge instead of a painted face; size_px is then the long side, and
    latent_seed and psi mean nothing.
    candidates: of so many latents, the seed's own and others drawn from it, the one whose face the judge rates best.
    path: where z is, if not at the seed's own latent; latent_seed is then the second of its keys.
    texture: how much fine detail, in standard deviations of the training photos, -4 (smooth) … 4; None: what the noise
    seed draws, or nothing where the cascade's upscalers are told no texture.
    """

    cascade: str
    latent_seed: int
    noise_seed: int
    psi: float = 1.0
    steps: tuple[Step, ...] = ()
    size_px: int
    resampler: str = "none"
    photo: str | None = None
    path: PathPoint | None = None
    candidates: int = 1
    texture: float | None = None
    version: int = RECIPE_VERSION

    def to_json(self) -> dict[str, Any]:
        """A plain dict that `from_json` reads back and `digest` hashes."""
        value = asdict(self)
        # Seeds as strings: readers in JavaScript would round integers above 2^53.
        value["latent_seed"], value["noise_seed"] = str(self.latent_seed), str(self.noise_seed)
        value["psi"] = _number(self.psi)
        value["texture"] = None if self.texture is None else _number(self.texture)
        value["steps"] = [
            {"stage": s.stage, "sigma": _number(s.sigma), "scale_log2": _number(s.scale_log2)} for s in self.steps
        ]
        value["path"] = self.path and self.path.to_json()
        return {name: value[name] for name in value if name not in _OPTIONAL or value[name] != _OPTIONAL[name]}

    @classmethod
    def from_json(cls, value: Any) -> "Recipe":
        """The recipe written by `to_json`.

        Raises InvalidInput naming every wrong field.
        """
        problems = _problems(value)
        if problems:
            raise InvalidInput("this is not a recipe", problems=problems)
        fields = dict(value)
        fields["latent_seed"], fields["noise_seed"] = int(fields["latent_seed"]), int(fields["noise_seed"])
        fields["steps"] = tuple(Step(**step) for step in fields["steps"])
        fields["path"] = PathPoint.from_json(fields["path"]) if "path" in fields else None
        return cls(**fields)

    @cached_property
    def digest(self) -> str:
        """sha256, in hex, over the canonical JSON: the name of the portrait."""
        return canonical_digest(self.to_json())

    @cached_property
    def series(self) -> str:
        """sha256, in hex, over everything but the two seeds: what the portraits of one render job share."""
        value = self.to_json()
        return canonical_digest({name: value[name] for name in value if name not in ("latent_seed", "noise_seed")})

    @cached_property
    def text(self) -> str:
        """Canonical JSON as text, for the file's metadata."""
        return canonical_json(self.to_json()).decode()


_OPTIONAL: dict[str, Any] = {"photo": None, "path": None, "candidates": 1, "texture": None}
"""Fields that came later, and their defaults: a field at its default is left out of the JSON, so that the digests of
older recipes stay."""


def recipe_in_png(body: bytes) -> Recipe:
    """The recipe a portrait's file carries.

    Raises InvalidInput when `body` is no PNG or a damaged one, carries no recipe, or one that is wrong.
    """
    text = read_png_text(body).get(PNG_KEYWORD)
    if text is None:
        raise InvalidInput("the PNG carries no recipe: no farm painted it, or another program saved it again without")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the PNG's recipe is not JSON: {error}") from error
    return Recipe.from_json(value)


def read_png_text(body: bytes) -> dict[str, str]:
    """keyword → text of a PNG's uncompressed iTXt chunks, the first of each keyword.

    Compressed text is passed over: we write none, and it may be a bomb. No pixel is decoded. Linear in the file.
    Raises InvalidInput when `body` is no PNG, is cut off or damaged, or holds more than MAX_TEXT_BYTES of text.
    """
    found: dict[str, str] = {}
    total = 0
    for name, data in _chunks(body):
        if name != b"iTXt":
            continue
        total += len(data)
        if total > MAX_TEXT_BYTES:
            raise InvalidInput(f"the PNG holds more than {MAX_TEXT_BYTES:,} bytes of text")
        keyword, _, rest = data.partition(b"\0")
        if rest[:1] != b"\0":
            continue
        parts = rest[2:].split(b"\0", 2)  # language, translated keyword, text
        if len(parts) == 3:
            found.setdefault(keyword.decode("latin-1"), parts[2].decode("utf-8", "replace"))
    return found


def _chunks(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not body.startswith(PNG_SIGNATURE):
        raise InvalidInput("this is not a PNG file")
    at, view = len(PNG_SIGNATURE), memoryview(body)
    while at + 12 <= len(body):
        end = at + 8 + int.from_bytes(body[at : at + 4], "big")
        name = body[at + 4 : at + 8]
        if end + 4 > len(body):
            break
        if zlib.crc32(view[at + 4 : end]) != int.from_bytes(body[end : end + 4], "big"):
            raise InvalidInput(f"the PNG is damaged in its {name.decode('latin-1')!r} chunk")
        if name == b"IEND":
            return
        yield name, bytes(view[at + 8 : end]) if name == b"iTXt" else b""
        at = end + 4
    raise InvalidInput("the PNG is cut off")


def _number(value: float) -> float:
    """1 as 1.0 and -0.0 as 0.0: equal numbers are written alike."""
    return float(value) + 0.0


def _problems(value: Any) -> list[Problem]:
    if not isinstance(value, dict):
        return [Problem("", "must be an object")]
    known = set(Recipe.__dataclass_fields__)
    found = [Problem(str(name), "unknown field") for name in sorted(set(value) - known, key=str)]
    found += [Problem(name, "is missing") for name in sorted(known - set(value) - set(_OPTIONAL))]
    checks: dict[str, Callable[[Any], bool]] = {
        "cascade": _is_digest,
        "latent_seed": _is_seed,
        "noise_seed": _is_seed,
        "psi": lambda v: _is_number(v) and 0 <= v <= 1.5,
        "steps": lambda v: isinstance(v, list) and all(map(_is_step, v)),
        "size_px": lambda v: _is_integer(v) and 8 <= v <= 65536,
        "resampler": lambda v: v in ("none", "area"),
        "path": lambda v: _is_path(v, value.get("latent_seed")) and value.get("photo") is None,
        "photo": lambda v: v is None or _is_digest(v),
        "candidates": lambda v: _is_integer(v) and 1 <= v <= (1 if value.get("path") else MAX_CANDIDATES),
        "texture": lambda v: _is_number(v) and abs(v) <= TEXTURE_LIMIT,
        "version": lambda v: _is_integer(v) and v == RECIPE_VERSION,
    }
    return found + [Problem(n, "has a wrong value") for n, good in checks.items() if n in value and not good(value[n])]


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_integer(value) or (isinstance(value, float) and math.isfinite(value))


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _is_seed(value: Any) -> bool:
    return (
        isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20 and int(value) < SEED_LIMIT
    )


def _is_path(value: Any, latent_seed: Any) -> bool:
    """Each point has one way to be written, so that a frame has one digest."""
    if not isinstance(value, dict) or set(value) != {"keys", "at"}:
        return False
    keys, at = value["keys"], value["at"]
    if not (isinstance(keys, list) and len(keys) == 4 and all(map(_is_seed, [*keys, latent_seed]))):
        return False
    if not (isinstance(at, list) and len(at) == 2 and all(map(_is_integer, at))):
        return False
    between = 0 < at[0] < at[1] < PATH_LIMIT and math.gcd(*at) == 1
    return between and int(keys[1]) == int(latent_seed) != int(keys[2])


def _is_step(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == set(Step.__dataclass_fields__)
        and _is_integer(value["stage"])
        and 1 <= value["stage"] <= 16
        and _is_number(value["sigma"])
        and 0 <= value["sigma"] <= 1
        and _is_number(value["scale_log2"])
        and -8 <= value["scale_log2"] <= 8
    )
