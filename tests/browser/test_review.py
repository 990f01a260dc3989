"""Reviewers at work in a real browser: read, sign, promote, with the mouse and without."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright

from tests.installation import Installation

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = (
    "--no-sandbox",  # tests run as root too, where Chromium's sandbox cannot
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PATIENCE_MILLISECONDS = 30_000  # on a machine that others use
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
POLICY += "form-action 'self'; connect-src 'self'"


@dataclass
class Seen:
    """What a page said and asked for while somebody used it."""

    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Reviewer:
    """Somebody in front of their own browser window."""

    page: Page
    seen: Seen


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Playwright keeps an event loop in this thread, in which Django would refuse to
    # work for the tests that follow, so it stops with this module.
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MILLISECONDS)
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(ARGUMENTS)
        )
        yield browser
        browser.close()


@pytest.fixture
def log_in(
    browser: Browser, installation: Installation
) -> Iterator[Callable[[str], Reviewer]]:
    with ExitStack() as stack:

        def open_window(role: str) -> Reviewer:
            context = browser.new_context(base_url=installation.url)
            stack.callback(context.close)
            page, seen = context.new_page(), Seen()
            page.on("console", lambda message: _heard(seen, message.type, message.text))
            page.on("pageerror", lambda error: seen.complaints.append(str(error)))
            page.on("request", lambda request: seen.hosts.add(_host(request.url)))
            page.route("**/*", _under_a_strict_policy)
            account = installation.account(role)
            page.goto("/admin/")
            page.get_by_label("Username").fill(account.username)
            page.get_by_label("Password").fill(account.password)
            page.get_by_role("button", name="Log in").click()
            return Reviewer(page, seen)

        yield open_window


def _heard(seen: Seen, kind: str, words: str) -> None:
    if kind in {"error", "warning"}:
        seen.complaints.append(words)


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _under_a_strict_policy(route: Route) -> None:
    """Add the policy that an operator's proxy may add; a breach is a console error."""
    if route.request.resource_type != "document":
        route.continue_()
        return
    response = route.fetch(max_redirects=0)
    headers = response.headers | {"content-security-policy": POLICY}
    route.fulfill(response=response, headers=headers)


@pytest.fixture
def in_review(installation: Installation, request: pytest.FixtureRequest) -> int:
    """Make a request of this test's own, and return its number."""
    made = installation.manage(
        *("shell", "--verbosity", "0", "--command"),
        "from tests.browser.rows import request_in_review; "
        f"print(request_in_review({request.node.name!r}))",
    )
    assert made.returncode == 0, made.stderr
    return int(made.stdout)


def test_request_is_signed_by_two_people_and_promoted_by_a_third(
    installation, log_in, in_review
):
    validator, owner, release = log_in("validator"), log_in("owner"), log_in("release")

    _open(validator, in_review)
    gates = validator.page.get_by_role("region", name="Gates", exact=True)
    expect(gates.get_by_role("rowheader", name="auc")).to_be_visible()
    expect(gates).to_contain_text("the whole interval meets it")
    _sign(validator, installation.account("validator").password)
    expect(validator.page.get_by_text("Signed as validator.")).to_be_visible()
    _open(owner, in_review)
    _sign(owner, installation.account("owner").password)
    expect(owner.page.get_by_text("the request is approved")).to_be_visible()
    release.page.reload()
    _open(release, in_review)
    release.page.get_by_role("button", name="Promote to production").click()
    expect(release.page.get_by_text("serves in production now.")).to_be_visible()
    expect(release.page.locator(".attestry-state.attestry-promoted")).to_be_visible()

    for person in (validator, owner, release):
        assert person.seen.complaints == []
        assert person.seen.hosts == {_host(installation.url)}


def test_wrong_password_is_told_where_it_was_entered(installation, log_in, in_review):
    validator = log_in("validator")
    _open(validator, in_review)

    _sign(validator, "guessed")

    password = validator.page.get_by_label("My password")
    expect(password).to_have_attribute("aria-invalid", "true")
    expect(password).to_have_accessible_description(re.compile("The password is wrong"))
    expect(password).to_have_value("")
    assert validator.seen.complaints == []


def test_reviewer_needs_no_mouse(installation, log_in, in_review):
    validator = log_in("validator")
    page, press = validator.page, validator.page.keyboard.press

    _tab_to(
        page,
        page.locator(f'a[href="/admin/registry/promotionrequest/{in_review}/change/"]'),
    )
    press("Enter")
    _tab_to(page, page.get_by_role("link", name="Sign off …"))
    press("Enter")
    _tab_to(page, page.get_by_label("I sign as"))
    press("Tab")
    page.keyboard.type("I reviewed the evidence without a mouse.")
    press("Tab")
    page.keyboard.type("Every gate passes.")
    press("Tab")
    page.keyboard.type(installation.account("validator").password)
    press("Enter")

    expect(page.get_by_text("Signed as validator.")).to_be_visible()
    expect(page.get_by_text("without a mouse")).to_be_visible()
    assert validator.seen.complaints == []


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_of_a_request_fits_the_window_and_is_legible(
    log_in, in_review, width, scheme
):
    page = log_in("validator").page
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)

    page.goto(f"/admin/registry/promotionrequest/{in_review}/sign-off/")

    assert page.evaluate(OVERFLOW) <= 0
    assert page.evaluate(FAINTEST_STATE) >= 4.5


OVERFLOW = """
() => document.documentElement.scrollWidth - document.documentElement.clientWidth
"""
# WCAG 2.2, 1.4.3: contrast of the coloured words with the page behind them.
FAINTEST_STATE = """
() => {
  const channels = (colour) => colour.match(/[0-9.]+/g).slice(0, 3).map(Number);
  const light = (colour) => channels(colour)
    .map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const page = light(getComputedStyle(document.body).backgroundColor);
  const words = [...document.querySelectorAll(".attestry-state, .attestry-facts dt")];
  return Math.min(...words.map((word) => {
    const ink = light(getComputedStyle(word).color);
    return (Math.max(ink, page) + 0.05) / (Math.min(ink, page) + 0.05);
  }));
}
"""


def _open(person: Reviewer, request: int) -> None:
    """Go from the overview to a request that waits for this person."""
    person.page.goto("/admin/")
    waiting = person.page.get_by_role("region", name="Waiting for me").first
    waiting.locator(f'a[href$="/promotionrequest/{request}/change/"]').click()


def _sign(person: Reviewer, password: str) -> None:
    page = person.page
    page.get_by_role("link", name="Sign off …").click()
    page.get_by_label("Meaning of my signature").fill("I reviewed the evidence.")
    page.get_by_label("My reason").fill("Every gate passes.")
    page.get_by_label("My password").fill(password)
    page.get_by_role("button", name="Sign", exact=True).click()


def _tab_to(page: Page, wanted: Locator) -> None:
    for _ in range(60):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"The keyboard does not reach {wanted}.")
