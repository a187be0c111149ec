"""The card of a cascade that leaves the farm: front matter for the hub, and what is known of it for people."""

import re
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

from farm.errors import InvalidInput, Problem
from farm.ledger.rows import CascadeRow
from farm.planning import reachable_px, sizes_px
from farm.service.origins import Origins, StageOrigin

_LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}", re.ASCII)
_UNKNOWN = "not known to the farm it was exported from"
FIGURES_SHOWN = 20


def check_licence(licence: str) -> str:
    """The identifier, in small letters as the hub writes them. Raises InvalidInput where it cannot be one."""
    lowered = licence.strip().lower()
    if not _LICENCE.fullmatch(lowered):
        told = "must be an identifier as the hub knows them: apache-2.0, mit, cc0-1.0, cc-by-4.0, other, …"
        raise InvalidInput("the licence has a mistake", problems=[Problem("licence", told)])
    return lowered


def model_card(row: CascadeRow, config: Mapping[str, Any], *, origins: Origins, licence: str) -> str:
    """The text of README.md. config: the whole cascade.json. Raises InvalidInput for what is no licence."""
    name, sizes = f"{row.name}@{row.version}", sizes_px(config)
    reached = reachable_px(sizes)[-1]
    parts = [
        _front_matter(check_licence(licence)),
        f"# {name}: portraits of people who do not exist\n",
        "A cascade of a portrait farm: a base network paints a small face out of a random vector, upscalers enlarge\n"
        f"it. Sizes painted: {', '.join(map(str, sizes))} px, and by its last stage again up to {reached} px.\n",
        f"- cascade digest: `{row.digest}` (sha256 of its canonical configuration, every tensor's sha256 included)\n"
        f"- its judge, which ranks portraits: {'included' if config.get('judge') else 'none'}\n",
        f"## Stages\n\n{_stages(config, origins.stages)}",
        f"## Photographs it was trained on\n\n{_datasets(origins.stages)}",
        f"## Figures\n\n{_figures(origins.evaluations)}",
        _use(row.name),
        f"## Licence\n\nThe weights: `{licence.strip().lower()}`. "
        "The farm does not know the licences of the photographs; whoever publishes this folder answers for them.\n",
    ]
    return "\n".join(parts)


def _front_matter(licence: str) -> str:
    return (
        f"---\nlicense: {licence}\nlibrary_name: portrait-farm\npipeline_tag: unconditional-image-generation\n"
        "tags:\n- portraits\n- gan\n- super-resolution\n- safetensors\n---\n"
    )


def _stages(config: Mapping[str, Any], origins: Sequence[StageOrigin]) -> str:
    rows = []
    tensors = config.get("tensors") or []
    for index, stage in enumerate(config["stages"]):
        values = sum(prod(each["shape"]) for each in tensors[index].values()) if index < len(tensors) else 0
        origin = origins[index] if index < len(origins) else None
        shown = f"{origin.nimg:,}" if origin else _UNKNOWN
        taught = stage.get("taught_to_px", _UNKNOWN)
        preset = origin.preset if origin and origin.preset else _UNKNOWN
        rows.append((index or "base", f"{stage['size_px']}", f"{taught}", f"{values:,}", shown, preset))
    return _table(("stage", "paints px", "taught to px", "parameters", "images seen", "preset"), rows)


def _datasets(origins: Sequence[StageOrigin]) -> str:
    known = {origin.dataset: origin for origin in origins if origin.dataset}
    if not known:
        return f"{_UNKNOWN[0].upper()}{_UNKNOWN[1:]}.\n"
    rows = [(name, each.photos, f"`{each.dataset_sha256}`") for name, each in sorted(known.items())]
    return _table(("dataset", "photos kept", "sha256 of its manifest"), rows)


def _figures(evaluations: Sequence[Mapping[str, Any]]) -> str:
    if not evaluations:
        return "The farm it was exported from holds no evaluation of it. `farm evaluate` makes one.\n"
    parts = []
    for told in evaluations:
        ground = f"{told['portraits']} portraits at {told['size_px']} px, psi {told['psi']}"
        photos = f"{told['photos']} photographs of {told['people']} people ({told['against']}, {told['split']})"
        parts.append(f"{ground}, against {photos}:\n")
        rows = [
            (row["name"], _number(row["value"]), _span(row["interval"]), _span(row["null"]))
            for row in told["figures"][:FIGURES_SHOWN]
        ]
        parts.append(_table(("figure", "value", "95 % interval", "photographs against photographs"), rows))
        parts += [f"Note: {warning}\n" for warning in told["warnings"]]
    return "\n".join(parts)


def _use(name: str) -> str:
    return f"""## How to use

On a portrait farm:

```sh
hf download USER/REPOSITORY --local-dir {name}
farm cascade import {name} {name} --wait
farm render {name} --seeds 0..15 --out portraits
```

Importing checks every tensor against `config.json`; nothing in this folder is unpickled. The cascade gets the digest
above, so a portrait's recipe names the same weights on every farm.
"""


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    drawn = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in row) + " |\n" for row in drawn)


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _span(interval: Sequence[float | None] | None) -> str:
    return "" if not interval or None in interval else f"{_number(interval[0])} … {_number(interval[1])}"
