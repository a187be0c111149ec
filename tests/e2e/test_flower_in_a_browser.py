"""Flower as a person sees it: a real browser, which asks for the key as a password."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from farm.embedded import FLOWER_USER, EmbeddedFarm, Running
from farm.ledger import JobState, Limits, Role, open_ledger
from farm.settings import Settings
from tests.farm.test_flower_door import TOY, wait_until
from tests.services.process import ServiceMissing, skip_or_fail

pytestmark = pytest.mark.needs_browser
ROOM = {"width": 1200, "height": 700}
TIMEOUT_MS = 60_000


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A farm whose toy worker has finished a job."""
    quick = {"beat_s": 0.25, "lease_s": 2.0, "tick_s": 0.25, "task_target_s": 1.0, "device": "cpu"}
    settings = Settings.model_validate({"home": tmp_path / "farm", "api_port": 0, "worker_name": "easel", **quick})
    farm = EmbeddedFarm(settings, worker_app=TOY)
    with farm as running:
        with open_ledger(running.settings.ledger_url, limits=Limits.of(settings)) as ledger:
            job, _ = ledger.submit({"kind": "render", "size_px": 64}, kind="render", ranges=[(0, 40)])
            wait_until(lambda: ledger.get_job(job.id).state is JobState.DONE)
        yield running
        farm.hurry = True


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        except PlaywrightError as error:
            skip_or_fail("browser", ServiceMissing(str(error).splitlines()[0]))
        yield browser
        browser.close()


def content_of(page: Page) -> str | None:
    """What the page shows, None while it is on its way to another one."""
    try:
        return page.content()
    except PlaywrightError:
        return None


def test_a_browser_with_a_key_sees_workers_and_tasks_and_one_without_sees_nothing(
    running: Running, browser: Browser, tmp_path: Path
) -> None:
    # Given a person with a viewer's key, and one without
    with open_ledger(running.settings.ledger_url) as ledger:
        _, secret = ledger.create_key("dashboard", Role.VIEWER)
    stranger = browser.new_page(viewport=ROOM)  # type: ignore[arg-type]
    context = browser.new_context(viewport=ROOM, http_credentials={"username": FLOWER_USER, "password": secret})  # type: ignore[arg-type]
    guest = context.new_page()
    complaints: list[str] = []
    guest.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)

    # When the stranger opens Flower, then there is nothing to see
    statuses: list[int] = []
    stranger.on("response", lambda answer: statuses.append(answer.status))
    # Chromium calls a password that nobody typed an error of its own.
    with contextlib.suppress(PlaywrightError):
        stranger.goto(running.flower_url, timeout=TIMEOUT_MS)
    assert set(statuses) <= {401}
    assert stranger.request.get(running.flower_url).status == 401
    # Its page of an error may still be coming.
    wait_until(lambda: content_of(stranger) is not None)
    assert "easel" not in str(content_of(stranger))

    # When the guest does, then the worker is there, and the task in words
    wait_until(lambda: (answer := guest.goto(running.flower_url)) is not None and answer.status == 200)
    guest.get_by_text("easel@").first.wait_for(timeout=TIMEOUT_MS)
    guest.screenshot(path=tmp_path / "workers.png")
    guest.goto(running.flower_url + "tasks")
    guest.get_by_text("job=1 seeds=").first.wait_for(timeout=TIMEOUT_MS)
    guest.screenshot(path=tmp_path / "tasks.png")

    # And scripts, styles and tables came through the door whole
    assert [text for text in complaints if "401" not in text] == []
    assert guest.get_by_text("Shut Down").count() == 0
    page = browser.new_page(viewport=ROOM)  # type: ignore[arg-type]
    page.goto(running.docs_url)
    assert page.get_by_text("POST\u00a0/v1/keys").is_visible()
    page.screenshot(path=tmp_path / "docs.png")
