"""Pictures of recipes, where one bad recipe costs its neighbours nothing."""

from collections.abc import Callable, Generator, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from farm.errors import Unavailable, WorkFailed
from farm.recipe import Recipe
from workers.cascade.memory import as_out_of_memory

Picture = NDArray[np.uint8]
Render = Callable[[Sequence[Recipe]], Iterator[Picture]]
"""Pictures uint8 [H, W, 3] of recipes, in order, each as soon as it is ready: `Cascade.render`."""

MAX_IN_A_ROW = 3
"""So many failures one after another, each rendered alone, are the machine's fault and not the recipes'."""

SOLO = 64
"""Recipes rendered alone after a batch raised, until the guilty one is found: more than any micro-batch."""


def pictures(render: Render, recipes: Sequence[Recipe]) -> Generator[Picture | Exception, None, None]:
    """One picture, or the error it raised when rendered alone, for each recipe, in order.

    When a batch raises, its recipes are rendered one by one up to the guilty one; then batches go on. That costs time
    and changes no byte: a picture does not depend on its neighbours.
    Raises OutOfMemory and Unavailable as they come, and WorkFailed after MAX_IN_A_ROW failures in a row with more to
    do: another machine should try.
    """
    done = in_a_row = solo = 0
    while done < len(recipes):
        if solo:
            found = _alone(render, recipes[done])
            done += 1
            yield found
            failed = isinstance(found, Exception)
            in_a_row, solo = (in_a_row + 1, 0) if failed else (0, solo - 1)
            if in_a_row == MAX_IN_A_ROW and done < len(recipes):
                raise WorkFailed(f"{MAX_IN_A_ROW} portraits in a row failed, the last one with: {found}")
            continue
        try:
            for picture in render(recipes[done:]):
                done, in_a_row = done + 1, 0
                yield picture
            if done < len(recipes):
                raise WorkFailed(f"the generator gave {len(recipes) - done} pictures too few")
        except Unavailable:
            raise
        except Exception as error:  # the guilty recipe is found next, and its own error recorded
            _raise_if_memory_ran_out(error)
            if done >= len(recipes):
                raise WorkFailed(f"the generator failed after its last picture: {error}") from error
            solo = SOLO


def _alone(render: Render, recipe: Recipe) -> Picture | Exception:
    try:
        return next(iter(render([recipe])))
    except Unavailable:
        raise
    except StopIteration:
        return WorkFailed("the generator gave no picture")
    except Exception as error:  # noqa: BLE001 - it is this recipe's outcome, recorded
        _raise_if_memory_ran_out(error)
        return error


def _raise_if_memory_ran_out(error: Exception) -> None:
    """That is the device's limit and no recipe's fault. Raises OutOfMemory."""
    ran_out = as_out_of_memory(error, "a picture")
    if ran_out is not None:
        raise ran_out from error
