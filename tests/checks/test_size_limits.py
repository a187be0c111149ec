"""The size check sees what is too large, and only that."""

import pytest

from tests.checks.size_limits import findings


def _function(lines: int, parameters: str = "") -> str:
    return f"def work({parameters}):\n" + "    x = 1\n" * (lines - 1)


def _messages(source: str, path: str = "farm/some.py") -> list[str]:
    return [str(finding) for finding in findings(source, path)]


def test_what_is_within_the_limits_passes() -> None:
    assert _messages(_function(60, "a, b, c, *, d, e, f")) == []
    assert _messages("x = 1\n" * 300) == []


def test_a_long_file_is_found() -> None:
    assert _messages("x = 1\n" * 301) == ["farm/some.py:1: the file has 301 lines, at most 300"]


def test_a_long_function_is_found_wherever_it_is() -> None:
    inner = "class A:\n" + "".join("    " + line + "\n" for line in _function(61).splitlines())
    assert _messages(inner) == ["farm/some.py:2: work has 61 lines, at most 60"]


@pytest.mark.parametrize(
    ("parameters", "count"),
    [
        ("a, b, c, d, e, f, g", 7),
        ("a, /, b, *, c, d, e, f, g", 7),
        ("a, b, c, d, e, *f, **g", 7),
        ("*, a, b, c, d, e, f, self", 7),
    ],
)
def test_many_parameters_are_found(parameters: str, count: int) -> None:
    assert _messages(_function(2, parameters)) == [f"farm/some.py:1: work has {count} parameters, at most 6"]


def test_self_is_no_parameter() -> None:
    assert _messages(_function(2, "self, a, b, c, d, e, f")) == []


def test_commands_and_routes_may_have_many_parameters() -> None:
    source = _function(2, "a, b, c, d, e, f, g")
    assert _messages(source, "farm/cli/render.py") == []
    assert _messages(source.replace("work", "_work"), "farm/cli/render.py") != []
    assert _messages("@router.get('/')\n" + source.replace("work", "_work"), "farm/api/jobs.py") == []
    assert _messages(source, "workers/cli/render.py") != []
