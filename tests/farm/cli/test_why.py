"""farm why, priority, budget, and the shares and quotas of `farm keys`: here and on a farm elsewhere."""

import json

import pytest

from farm.ledger import Role
from farm.service import Service
from tests.farm.cli.conftest import Farm
from tests.farm.stocking import add_cascade, toy_worker

RENDER = ("render", "demo", "--seeds", "0..4", "--size", "32", "--yes")


def test_a_job_says_why_it_waits_and_what_would_start_it(farm: Farm, service: Service) -> None:
    add_cascade(service)
    farm(*RENDER)
    assert "no worker serves 'render' (no_worker)" in farm("why", "2").out
    assert "this would start it: farm worker --queues render" in farm("why", "2").out
    farm("pause", "2")
    (wait,) = json.loads(farm("why", "2", "--json").out)["waits"]
    assert (wait["code"], wait["change"]) == ("paused", "farm resume 2")
    assert "it is paused: `farm resume 2`" in farm("jobs").out
    farm("cancel", "2")
    assert "waits for nothing" in farm("why", "2").out
    assert farm("why", "99").code == 2


@pytest.mark.parametrize(("given", "kept"), [("urgent", 100), ("-20", -20), ("7", 7)])
def test_a_priority_is_a_name_or_a_number(farm: Farm, service: Service, given: str, kept: int) -> None:
    add_cascade(service)
    farm(*RENDER, f"--priority={given}")
    assert service.job(2).job.priority == kept
    assert "is of priority bulk" in farm("priority", "2", "bulk").out
    assert service.job(2).job.priority == -50


def test_a_priority_or_budget_that_is_none_is_told_in_words(farm: Farm, service: Service) -> None:
    add_cascade(service)
    said = farm(*RENDER, "--priority=soon")
    assert (said.code, "bulk, normal, high, urgent" in said.err) == (2, True)
    assert "--budget-hours: device hours" in farm(*RENDER, "--budget-hours=0").err
    farm(*RENDER)
    assert "a number, or none" in farm("budget", "2", "much").err


def test_a_budget_is_given_raised_and_taken_away(farm: Farm, service: Service) -> None:
    add_cascade(service)
    farm(*RENDER, "--budget-hours", "0.5")
    assert service.job(2).job.budget_s == 1800
    assert "may use 2 device hours" in farm("budget", "2", "2").out
    farm("budget", "2", "none")
    assert service.job(2).job.budget_s is None


def test_a_quota_holds_a_job_until_it_is_raised(farm: Farm, service: Service) -> None:
    add_cascade(service)
    toy_worker(service.ledger)
    assert (
        "-: 0 tasks at once, 10 portraits a day, 1.5GB"
        in farm("keys", "quota", "-", "--running", "0", "--per-day", "10", "--bytes", "1.5GB").out
    )
    farm(*RENDER)
    assert "farm keys quota - --running 1" in farm("why", "2").out
    farm("keys", "quota", "-", "none")
    assert "toy is free" in farm("why", "2").out


def test_shares_and_quotas_are_listed_with_the_keys(farm: Farm, service: Service) -> None:
    service.ledger.create_key("ann", Role.ARTIST)
    farm("keys", "share", "ann", "2.5")
    farm("keys", "quota", "ann", "--per-day", "10000")
    listed = farm("keys", "list").out
    assert "2.5" in listed and "10,000 portraits a day" in listed
    assert "share 2.5" in farm("keys", "usage", "ann").out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("share", "ann", "0"), "SHARE"),
        (("share", "nobody", "2"), "'nobody'"),
        (("quota", "ann"), "or the word none"),
        (("quota", "ann", "all"), "or the word none"),
        (("quota", "ann", "--bytes", "much"), "--bytes: a size such as"),
        (("usage", "Ann!"), "the name of a key"),
    ],
)
def test_mistakes_are_named(farm: Farm, service: Service, arguments: tuple[str, ...], told: str) -> None:
    service.ledger.create_key("ann", Role.ARTIST)
    said = farm("keys", *arguments)
    assert said.code == 2
    assert told in said.err
