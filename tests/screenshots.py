"""Makes docs/screenshots from a running system: python -m tests.screenshots [http://127.0.0.1:8080]

Look at every picture that it makes before you commit it.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

from PIL import Image
from playwright.sync_api import Browser, expect

from .browser import Visit, chromium_running, open_visit
from .support import ROOT

FOLDER = ROOT / "docs" / "screenshots"
QUESTION = "申请教师资格还要去派出所开无犯罪记录证明吗"


def shoot(one: Visit, name: str, whole: bool = False) -> None:
    """Keep what the page shows, in few colours so that the file is small."""
    one.page.evaluate("document.activeElement.blur()")
    one.page.wait_for_timeout(400)  # for scrolling and folding to end
    picture = Image.open(io.BytesIO(one.page.screenshot(full_page=whole)))
    picture.convert("RGB").quantize(192).save(FOLDER / f"{name}.png", optimize=True)


def welcome(one: Visit) -> None:
    """The first page."""


def verdict(one: Visit) -> None:
    """A question and its card."""
    one.ask(QUESTION)


def unfolded(one: Visit) -> None:
    """A card with its basis and source."""
    one.ask(QUESTION)
    one.page.locator(".fold summary").click()


def choosing(one: Visit) -> None:
    """A question back."""
    one.ask("离职提取住房公积金要离职证明吗")


def policy(one: Visit) -> None:
    """A long rule, and why an answer was no use."""
    one.ask("哪些事情不能用承诺代替证明？")
    one.page.get_by_text("没用", exact=True).click()
    one.page.locator(".why").scroll_into_view_if_needed()


def menu(one: Visit) -> None:
    """What can be done with the conversation."""
    one.ask(QUESTION)
    one.page.locator("#menu > summary").click()
    one.page.locator(".menu-fold > summary").click()


def large(one: Visit) -> None:
    """Large letters."""
    one.page.get_by_role("button", name="换成大字版").click()
    expect(one.page.locator("html[data-size=large]")).to_have_count(1)
    one.ask(QUESTION)


def form(one: Visit) -> None:
    """A pledge begun in the conversation."""
    one.ask("用血直免要亲属关系证明吗")
    one.press("开始承诺")


def pledge(one: Visit) -> None:
    """The notice of a pledge."""
    one.page.goto(one.base + "/pledge/new/F169")


def paper(one: Visit) -> None:
    """The form of a pledge."""
    pledge(one)
    one.page.get_by_role("button", name="看完了，开始填写").click()
    one.page.locator("#name").scroll_into_view_if_needed()


SHOTS: list[tuple[str, str, Callable[[Visit], None], dict]] = [
    ("chat-desktop", "desktop", unfolded, {}),
    ("chat-desktop-dark", "desktop", verdict, {"color_scheme": "dark"}),
    ("chat-phone", "phone", verdict, {}),
    ("phone-welcome", "phone", welcome, {}),
    ("phone-large", "phone", large, {}),
    ("phone-dark", "phone", verdict, {"color_scheme": "dark"}),
    ("phone-choosing", "phone", choosing, {}),
    ("phone-feedback", "phone", policy, {}),
    ("phone-menu", "phone", menu, {}),
    ("phone-form", "phone", form, {}),
    ("phone-pledge", "phone", paper, {}),
    ("phone-plain", "phone", verdict, {"script": False}),
]


def main() -> None:
    """Make all pictures."""
    base = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with chromium_running() as browser:
        for name, size, walk, options in SHOTS:
            make(browser, base, name, size, walk, options)


def make(
    browser: Browser, base: str, name: str, size: str, walk: Callable[[Visit], None], options: dict
) -> None:
    """Make one picture."""
    one = open_visit(browser, base, size, **options)
    walk(one)
    if options.get("script", True):
        shoot(one, name)
    else:
        one.page.screenshot(path=FOLDER / f"{name}.png")
    one.page.context.close()


if __name__ == "__main__":
    main()
