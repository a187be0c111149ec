"""The one reader of people.csv: strict, every wrong line told."""

import pytest

from farm.errors import InvalidInput
from farm.service.people import read_people
from tests.workers.curation.pictures import PORTRAITS


def test_people_csv_is_read() -> None:
    assert read_people("\ufefffile,person\r\na.jpg,Ann\r\n b.jpg , Bob \r\n") == {"a.jpg": "Ann", "b.jpg": "Bob"}
    assert len(read_people((PORTRAITS / "people.csv").read_text())) == 24


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "no columns"),
        ("name;who\n", "no columns"),
        ("file,person\na.jpg,\n,Bob\n", "line 3"),
        ("file,person\na.jpg,Ann\na.jpg,Bob\n", "given to Ann"),
        ('file,person\n"a.jpg,Ann\n', "cannot be read"),
    ],
)
def test_mistakes_in_people_csv_are_named(text: str, word: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_people(text)
    assert word in str(caught.value)
