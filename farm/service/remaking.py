"""From a portrait's own file back to a job: the very recipe it carries, or another size of it."""

from dataclasses import asdict
from typing import Any

from farm.errors import InvalidInput, NotFound, Problem
from farm.ledger import Ledger
from farm.planning import recipe_for, recipe_of_giant, sizes_px
from farm.recipe import Recipe, recipe_in_png
from farm.specs import GiantSpec, RenderSpec, as_giant, parse_spec


def spec_from_png(body: bytes, *, ledger: Ledger, size_px: int | None = None) -> dict[str, Any]:
    """The render job of one seed whose recipe is exactly the one in a PNG; with `size_px`, the same at another size.

    Raises InvalidInput when the file carries no sound recipe, when this farm does not have its cascade, or when no
    job can ask for it.
    """
    recipe = recipe_in_png(body)
    try:
        row = ledger.cascade(recipe.cascade)
    except NotFound as error:
        told = f"{recipe.cascade} painted it; export it where it is known and import it with `farm cascade import`"
        raise InvalidInput("this farm does not have the file's cascade", problems=[Problem("cascade", told)]) from error
    spec = as_giant(_spec_of(recipe))
    problems = _differences(recipe, parse_spec(spec), sizes=sizes_px(row.config))
    if problems:
        raise InvalidInput("no render job can ask for the file's recipe", problems=problems)
    return spec if size_px is None else as_giant({**spec, "kind": "render", "size_px": size_px})


def _spec_of(recipe: Recipe) -> dict[str, Any]:
    return (
        {
            "kind": "render",
            "cascade": recipe.cascade,
            "seeds": str(recipe.latent_seed),
            "size_px": recipe.size_px,
            "psi": recipe.psi,
            "sigma": max((step.sigma for step in recipe.steps), default=0.0),
            "noise_seed": None if recipe.noise_seed == recipe.latent_seed else recipe.noise_seed,
        }
        | ({"candidates": recipe.candidates} if recipe.candidates > 1 else {})
        | ({} if recipe.texture is None else {"texture": recipe.texture})
        | ({"path": asdict(recipe.path)} if recipe.path else {})
    )


def _differences(recipe: Recipe, spec: object, *, sizes: tuple[int, ...]) -> list[Problem]:
    """The fields in which the job's recipe would not be the file's."""
    if recipe.photo is not None:
        return [Problem("photo", "the file is an enlarged photograph; `farm upscale` makes it from that")]
    if isinstance(spec, GiantSpec):
        planned = recipe_of_giant(spec, recipe.latent_seed, sizes=sizes).to_json()
    elif isinstance(spec, RenderSpec):
        planned = recipe_for(spec, recipe.latent_seed, sizes=sizes).to_json()
    else:
        return [Problem("kind", "is no render job")]
    wanted = recipe.to_json()
    return [
        Problem(name, f"the file has {wanted.get(name)!r}, a job would have {planned.get(name)!r}")
        for name in sorted(wanted | planned)
        if wanted.get(name) != planned.get(name)
    ]
