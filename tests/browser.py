"""A real Chromium for tests and for the screenshots: how it is started, and a visit that notes all that goes wrong."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Locator, Page, Request, expect, sync_playwright

expect.set_options(timeout=15_000)  # a busy machine is slow, not wrong
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


@contextlib.contextmanager
def chromium_running() -> Iterator[Browser]:
    """Start the system's Chromium. Raises RuntimeError if there is none."""
    path = "/usr/bin/chromium" if Path("/usr/bin/chromium").exists() else shutil.which("chromium")
    if not path:
        raise RuntimeError("there is no Chromium; 'make browser' installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A page with everything that it asked for and complained about."""

    def __init__(self, page: Page, base: str):
        self.page, self.base = page, base
        self.hosts: set[str] = set()
        self.complaints: list[str] = []
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.on(
            "console",
            lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", self._failed)

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # given up for the next page, or for a download
            self.complaints.append(f"failed: {request.url}")

    def ask(self, words: str) -> None:
        """Type a question, send it, and wait for one more answer."""
        turns = self.page.locator(".turn .answer")
        before = turns.count()
        self.page.fill("#message", words)
        self.page.click("#send")
        expect(turns).to_have_count(before + 1, timeout=15000)

    def press(self, button: str) -> None:
        """Press an offered button of the last turn, and wait for one more answer."""
        turns = self.page.locator(".turn .answer")
        before = turns.count()
        self.page.locator(".turn").last.get_by_role("button", name=button, exact=True).click()
        expect(turns).to_have_count(before + 1, timeout=15000)

    @property
    def last(self) -> Locator:
        """The last turn."""
        return self.page.locator(".turn").last


def open_visit(browser: Browser, base: str, size: str = "phone", script: bool = True, **options) -> Visit:
    """Open the chat page of the system at `base` as somebody new; `options` are Playwright's for a context."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        java_script_enabled=script,
        locale="zh-CN",
        has_touch=size == "phone",
        **options,
    )
    page = context.new_page()
    page.set_default_timeout(15000)
    made = Visit(page, base)
    page.goto(base + "/")
    return made
