"""What is left of a photo's damage when its frame is reduced to a stage's size.

A frame of F px is taught at side s = min(n, S): n its native size, S the stage's. With r = s / F ≤ 1, a taught pixel is
the mean of 1/r² pixels of the frame, so that

- blur of σ px becomes r·σ;
- noise of σ levels, independent from pixel to pixel, becomes r·σ;
- overshoot at edges, a few frame pixels wide, becomes r times as high;
- JPEG errors, which grow with the quantisation step q(Q), become r times as large: those of quality Q' with
  q(Q') = r·q(Q), where q(Q) is the scale of the IJG's tables, 50/Q below 50 and 2 − Q/50 from there on.
"""

from dataclasses import dataclass

from workers.curation.measured import Measured
from workers.curation.policy import Tolerance


@dataclass(frozen=True, kw_only=True)
class Damage:
    """At one size: JPEG quality 1 … 100, blur σ in px, noise σ in levels, overshoot 0 … 1. None: not measured."""

    jpeg: float | None
    blur_px: float | None
    noise: float | None
    sharpening: float | None


def damage_at(found: Measured, size_px: int) -> Damage:
    """What a picture of side min(native, size_px) shows."""
    ratio = min(1.0, min(found.native_px, size_px) / max(1, found.frame_px))
    jpeg, blur, noise, sharpening = (found.value(gate) for gate in ("jpeg", "blur", "noise", "sharpening"))
    return Damage(
        jpeg=None if jpeg is None else _quality(ratio * _step(jpeg)),
        blur_px=None if blur is None else ratio * blur,
        noise=None if noise is None else ratio * noise,
        sharpening=None if sharpening is None else ratio * sharpening,
    )


def faults(damage: Damage, allowed: Tolerance) -> list[tuple[str, str]]:
    """(gate, reason in words) of whatever is worse than `allowed`."""
    found = []
    if damage.jpeg is not None and damage.jpeg < allowed.min_jpeg:
        found.append(("jpeg", f"JPEG damage as at quality {damage.jpeg:.0f}; {allowed.min_jpeg:g} is needed"))
    for gate, value, most, words in (
        ("blur", damage.blur_px, allowed.max_blur_px, "blurred by {:.1f} px; {:g} px is tolerated"),
        ("noise", damage.noise, allowed.max_noise, "noise of {:.1f} levels; {:g} are tolerated"),
        ("sharpening", damage.sharpening, allowed.max_sharpening, "over-sharpened by {:.2f}; {:g} is tolerated"),
    ):
        if value is not None and value > most:
            found.append((gate, words.format(value, most)))
    return found


def total(damage: Damage, allowed: Tolerance) -> float:
    """One number to order copies of a picture by: the damages in units of what is tolerated, added up. 0: none."""
    parts = (
        (None if damage.jpeg is None else 100 - damage.jpeg, 100 - allowed.min_jpeg),
        (damage.blur_px, allowed.max_blur_px),
        (damage.noise, allowed.max_noise),
        (damage.sharpening, allowed.max_sharpening),
    )
    return sum(value / max(most, 1e-6) for value, most in parts if value is not None)


def _step(quality: float) -> float:
    """Scale of the quantisation tables at quality 1 … 100: 1 at 50."""
    held = min(max(quality, 1.0), 100.0)
    return 50 / held if held < 50 else 2 - held / 50


def _quality(step: float) -> float:
    return 50 / step if step > 1 else 100 - 50 * step
