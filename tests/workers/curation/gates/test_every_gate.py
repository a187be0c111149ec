"""What holds for every gate, whatever the picture."""

import json
import math

import pytest

from tests.workers.curation.gates.looks import look_at, odd_pictures
from workers.curation.gates import GATES


@pytest.mark.parametrize("gate", sorted(GATES))
@pytest.mark.parametrize("kind", sorted(odd_pictures()))
def test_odd_pictures_are_measured_in_finite_json_numbers(gate: str, kind: str) -> None:
    look = look_at(odd_pictures()[kind])
    found = GATES[gate](look)
    numbers = [v for v in (found.value, *found.details.values()) if not isinstance(v, str)]
    assert all(math.isfinite(number) for number in numbers)
    assert json.loads(json.dumps([found.value, found.details])) == [found.value, found.details]
    assert found.reason
    assert GATES[gate](look) == found
