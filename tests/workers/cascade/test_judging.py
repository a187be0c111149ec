"""The judge inside a cascade: part of its digest, checked like a stage, and scores that depend on the picture alone."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from farm.errors import CascadeInvalid, InvalidInput
from farm.recipe import canonical_json
from tests.workers.cascade.tiny import random_cascade, random_objects, random_picture, recipes_of
from workers.cascade.archive import open_archive
from workers.cascade.container import JUDGE_NAME, load_cascade

Objects = dict[str, bytes]


def archived(objects: Objects) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, body in objects.items():
            archive.writestr(name, body)
    return file.getvalue()


def told(objects: Objects, edit: Callable[[dict[str, Any]], Any]) -> Objects:
    value = json.loads(objects["cascade.json"])
    edit(value)
    return {**objects, "cascade.json": canonical_json(value)}


def test_a_judge_changes_the_digest_and_no_portrait() -> None:
    plain, judged = random_cascade(), random_cascade(judged=True)
    assert plain.digest != judged.digest
    assert plain.judge is None and judged.judge is not None
    for one, other in zip(plain.render(recipes_of(plain, [3])), judged.render(recipes_of(judged, [3])), strict=True):
        assert np.array_equal(one, other)


def test_a_cascade_without_a_judge_is_written_as_before_there_were_judges() -> None:
    assert set(json.loads(random_objects()["cascade.json"])) == {"format", "stages", "tensors", "tolerance_levels"}


def test_a_judged_cascade_goes_through_an_archive() -> None:
    objects = random_objects(judged=True)
    digest, found = open_archive(archived(objects))
    assert found == objects
    assert digest == random_cascade(judged=True).digest


def test_a_score_depends_on_the_picture_alone_and_not_on_its_company() -> None:
    judge = random_cascade(judged=True).judge
    assert judge is not None
    pictures = [random_picture(16, 16, seed=seed) for seed in range(11)]
    together = list(judge.scores(pictures))
    assert len(set(together)) == len(together)
    assert [next(judge.scores([picture])) for picture in pictures] == together
    assert list(judge.scores(pictures[::-1])) == together[::-1]


def test_a_judge_refuses_pictures_of_another_size() -> None:
    judge = random_cascade(judged=True).judge
    assert judge is not None
    with pytest.raises(InvalidInput, match="the judge scores 16 px, not 32 x 32"):
        list(judge.scores([random_picture(32, 32)]))


def bent(objects: Objects) -> Objects:
    state = safetensors.torch.load(objects[JUDGE_NAME])
    state["1.head.basis"].view(torch.int16)[0, 0, 0] ^= 1
    return {**objects, JUDGE_NAME: safetensors.torch.save(state)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda o: {k: v for k, v in o.items() if k != JUDGE_NAME}, "judge.safetensors is missing"),
        (bent, "judge.safetensors: tensor 1.head.basis is not the one cascade.json names"),
        (lambda o: told(o, lambda v: v["judge"]["call"].update(threads=0)), "threads must be between 1 and 256"),
        (lambda o: told(o, lambda v: v["judge"].update(widths=[8])), "judge.size_px must be"),
        (lambda o: told(o, lambda v: v["judge"].update(widths="8")), "judge.widths must be a list"),
        (lambda o: told(o, lambda v: v["judge"].update(score=1)), "judge: unknown 'score'"),
        (lambda o: told(o, lambda v: v.update(judge=None)), "judge must be an object"),
        (lambda o: told(o, lambda v: v.pop("judge")), "one object a stage, and one for its judge"),
    ],
)
def test_a_damaged_judge_is_one_error_that_names_it(change: Callable[[Objects], Objects], message: str) -> None:
    with pytest.raises(CascadeInvalid, match=message):
        load_cascade(change(random_objects(judged=True)).__getitem__)


def test_an_archive_may_not_carry_a_judge_its_cascade_does_not_name() -> None:
    judge = random_objects(judged=True)[JUDGE_NAME]
    with pytest.raises(CascadeInvalid, match=r"judge\.safetensors, which its cascade\.json does not name"):
        open_archive(archived({**random_objects(), JUDGE_NAME: judge}))
