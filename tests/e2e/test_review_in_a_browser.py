"""The review page as a person uses it: a phone with a thumb, keys, a network that goes away, two reviewers."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from farm.api.app import create_app
from farm.ledger import Role
from farm.service import Service
from farm.settings import Settings
from farm.storage import keys
from tests.e2e.line import Line, line_to
from tests.farm.albums import add_album
from tests.farm.api.conftest import served
from tests.services.process import ServiceMissing, skip_or_fail
from workers.curation.judging import look_at
from workers.curation.policy import Policy

pytestmark = pytest.mark.needs_browser
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True,
}  # fmt: skip
PHOTOS = Path(__file__).resolve().parents[2] / "deploy/demo/photos"
CURRENT = ".card:not(.gone):not(.below)"
WAIT_MS = 20_000


class Farm:
    """An API with a reviewed dataset `studio` of real photographs."""

    def __init__(self, address: str, service: Service) -> None:
        self.address, self.service = address, service
        self.secret = service.ledger.create_key("phone", Role.ARTIST)[1]
        rows = []
        for path in sorted(PHOTOS.glob("*.jpg"))[:12]:
            looked = look_at(path.name, path.read_bytes(), policy=Policy())
            assert looked.preview is not None
            rows.append(dict(looked.row))
            service.storage.put(keys.photo_preview(looked.row["sha256"]), looked.preview)
        add_album(service, rows, previews=False)

    def labels(self) -> dict[tuple[str, str], str | None]:
        """What stands, by photo and reviewer."""
        return {(s.sha256, s.reviewer): s.label for s in self.service.ledger.reviews.standing("studio")}


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    app = create_app(Settings.model_validate({"home": tmp_path_factory.mktemp("farm"), "tick_s": 3600.0}))
    with served(app) as address:
        yield Farm(address, app.state.service)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        except PlaywrightError as error:
            skip_or_fail("browser", ServiceMissing(str(error).splitlines()[0]))
        yield browser
        browser.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(**PHONE)
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()


def opened(context: BrowserContext, farm: Farm, reviewer: str, *, address: str = "") -> Page:
    """The page with a picture on the table; what the browser complains of fails the test."""
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto(f"{address or farm.address}/review/studio#key={farm.secret}&name={reviewer}")
    page.locator(f"{CURRENT} img").first.wait_for()
    return page


def on_the_table(page: Page) -> str:
    """sha256 of the photo that is looked at."""
    return str(page.locator(CURRENT).get_attribute("data-sha256"))


def swipe(page: Page, *, right: bool) -> str:
    """Drag the card with a finger, far enough; the photo it showed."""
    sha256 = on_the_table(page)
    touch = page.context.new_cdp_session(page)
    x, y, side = 195, 420, 1 if right else -1
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 9):
        point = {"x": x + side * step * 18, "y": y + step}
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.locator(f'{CURRENT}[data-sha256="{sha256}"]')).to_have_count(0)
    return sha256


def waited_for(page: Page, farm: Farm, reviewer: str, expected: dict[str, str | None]) -> None:
    """Until the ledger says so."""
    wanted = {(sha256, reviewer): label for sha256, label in expected.items()}
    for _ in range(200):
        if {key: said for key, said in farm.labels().items() if key[1] == reviewer} == wanted:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{farm.labels()} is not {wanted}")


def test_a_thumb_keeps_and_drops_and_takes_back(farm: Farm, phone: BrowserContext, tmp_path: Path) -> None:
    page = opened(phone, farm, "thumb")
    assert farm.secret not in page.url
    page.screenshot(path=tmp_path / "review.png")

    kept = swipe(page, right=True)
    dropped = swipe(page, right=False)
    waited_for(page, farm, "thumb", {kept: "keep", dropped: "drop"})

    # A short drag decides nothing
    before = on_the_table(page)
    touch = page.context.new_cdp_session(page)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": 195, "y": 420}]})
    for x in (205, 215, 225):
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": 420}]})
        page.wait_for_timeout(60)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_timeout(300)
    assert on_the_table(page) == before

    page.get_by_label("Undo").tap()
    expect(page.locator(CURRENT)).to_have_attribute("data-sha256", dropped)
    waited_for(page, farm, "thumb", {kept: "keep", dropped: None})
    page.get_by_label("Keep this photo").tap()
    waited_for(page, farm, "thumb", {kept: "keep", dropped: "keep"})

    # Every measurement is there in full
    page.get_by_label("All measurements").tap()
    page.locator("#facts").get_by_text("native size", exact=True).wait_for()
    page.screenshot(path=tmp_path / "sheet.png")


def test_keys_do_the_same(farm: Farm, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    page = opened(context, farm, "keys")
    first = on_the_table(page)
    page.keyboard.press("ArrowLeft")
    second = on_the_table(page)
    page.keyboard.press("ArrowRight")
    third = on_the_table(page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    assert on_the_table(page) == third
    assert len({first, second, third}) == 3
    waited_for(page, farm, "keys", {first: "drop", second: "keep", third: None})
    page.keyboard.press("Backspace")
    waited_for(page, farm, "keys", {first: "drop", second: None, third: None})
    context.close()


@pytest.fixture
def line(farm: Farm) -> Iterator[Line]:
    with line_to(int(farm.address.rsplit(":", 1)[1])) as line:
        yield line


def test_what_is_decided_without_a_network_arrives_later_and_once(
    farm: Farm, phone: BrowserContext, line: Line, tmp_path: Path
) -> None:
    # Given a phone that has the page and its first photos, and loses the network
    page = opened(phone, farm, "tunnel", address=line.address)
    for _ in range(200):
        if page.evaluate("caches.match(location.pathname).then((found) => Boolean(found))"):
            break
        page.wait_for_timeout(100)
    page.wait_for_timeout(1000)  # the pictures of the next photos
    line.cut()
    phone.set_offline(True)
    expected: dict[str, str | None] = {swipe(page, right=right): "keep" if right else "drop" for right in (True, False)}
    expect(page.locator("#wire")).to_contain_text("2 kept here")
    page.screenshot(path=tmp_path / "offline.png")

    # When it is closed and opened again there, then photos and labels are still here
    page.close()
    page = phone.new_page()
    page.goto(f"{line.address}/review/studio")
    page.locator(f"{CURRENT} img").first.wait_for()
    expect(page.locator("#wire")).to_contain_text("2 kept here")
    expected[swipe(page, right=True)] = "keep"
    assert len(expected) == 3
    assert not [key for key in farm.labels() if key[1] == "tunnel"]

    # And when the network comes back, all of it arrives by itself
    line.mend()
    phone.set_offline(False)
    waited_for(page, farm, "tunnel", expected)
    expect(page.locator("#wire")).to_have_text("tunnel")


def test_two_reviewers_who_differ_are_told_how_far_they_agree(farm: Farm, phone: BrowserContext) -> None:
    # Given one who kept, and one who drops one of the same photos
    page = opened(phone, farm, "one")
    mine = {swipe(page, right=True): "keep" for _ in range(3)}
    waited_for(page, farm, "one", mine)
    page.evaluate("localStorage.clear()")

    page = opened(phone, farm, "other")
    said: dict[str, str | None] = {}
    while len(said) < 12 and not set(mine) <= set(said):
        right = on_the_table(page) != min(mine)
        said[swipe(page, right=right)] = "keep" if right else "drop"
    assert set(mine) <= set(said)
    waited_for(page, farm, "other", said)
    if len(said) == 12:
        page.get_by_text("You have seen them all").wait_for()

    expect(page.locator("#together")).to_contain_text("agreement")
    page.get_by_label("All measurements").tap()
    expect(page.locator("#people")).to_contain_text("one and other")
    expect(page.locator("#people")).to_contain_text("67 % of 3 alike", timeout=WAIT_MS)  # the open sheet follows


def test_a_stranger_is_asked_for_a_key_and_a_wrong_one_is_told(
    farm: Farm, phone: BrowserContext, tmp_path: Path
) -> None:
    page = phone.new_page()
    page.goto(f"{farm.address}/review/studio")
    page.get_by_label("Key", exact=True).fill("farm_wrong")
    page.screenshot(path=tmp_path / "door.png")
    page.get_by_text("Begin").tap()
    page.get_by_text("This key is not known to the farm.").wait_for()
    page.get_by_label("Key", exact=True).fill(farm.secret)
    page.get_by_text("Begin").tap()
    page.locator(f"{CURRENT} img").first.wait_for()
