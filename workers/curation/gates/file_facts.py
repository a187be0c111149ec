"""How the file was stored."""

from workers.curation.look import Look, Measurement


def readable(look: Look) -> Measurement:
    """How the file was stored, as 'format mode'."""
    facts = look.photo.facts
    notes = [f"opened as {facts.format.upper()}, {facts.width_px} × {facts.height_px} px"]
    if facts.orientation != 1:
        notes.append("turned upright")
    if facts.profile != "none":
        notes.append(f"colour profile {facts.profile}")
    if facts.clear_share:
        notes.append(f"{facts.clear_share:.0%} transparent, laid over white")
    return Measurement(value=f"{facts.format} {facts.mode}", reason="; ".join(notes))
