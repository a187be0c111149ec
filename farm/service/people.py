"""Who is on which photo: the file people.csv beside the photographs."""

import csv
import io

from farm.errors import InvalidInput, Problem

PEOPLE_FILE = "people.csv"
MAX_PERSON = 256


def read_people(text: str) -> dict[str, str]:
    """file → person, from a people.csv with the columns file and person.

    Raises InvalidInput naming every wrong line.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    people: dict[str, str] = {}
    problems: list[Problem] = []
    try:
        if not {"file", "person"} <= set(reader.fieldnames or ()):
            raise InvalidInput(f"{PEOPLE_FILE} has no columns file and person")
        for row in reader:
            file, person = (str(row[name] or "").strip() for name in ("file", "person"))
            where = f"{PEOPLE_FILE} line {reader.line_num}"
            if not file or not person:
                problems.append(Problem(where, "needs a file and a person"))
            elif len(person) > MAX_PERSON:
                problems.append(Problem(where, f"a person's name has at most {MAX_PERSON} characters"))
            elif people.setdefault(file, person) != person:
                problems.append(Problem(where, f"{file} was given to {people[file]} before"))
    except csv.Error as error:
        raise InvalidInput(f"{PEOPLE_FILE} cannot be read: {error}") from error
    if problems:
        raise InvalidInput(f"{PEOPLE_FILE} has mistakes", problems=problems)
    return people
