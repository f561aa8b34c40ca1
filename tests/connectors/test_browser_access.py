"""Everybody can use the pages: axe finds nothing, the keyboard is enough, and nothing needs a script, a mouse or good eyes."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from ..browser import SIZES

pytestmark = [pytest.mark.browser, pytest.mark.stack]
QUESTION = "公司注销要清税证明吗"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
MODES = {"light": {}, "dark": {"color_scheme": "dark"}, "large": {}}


def no_violation(page: Page, where: str) -> None:
    """Assert that axe finds nothing on the page as it is now."""
    page.evaluate("Promise.all(document.getAnimations().map(a => a.finished.catch(() => 0)))")
    found = Axe().run(page, options=OPTIONS)
    assert found.violations_count == 0, f"{where}:\n{found.generate_report()}"


def open_all(page: Page) -> None:
    page.evaluate("document.querySelectorAll('main details').forEach(d => { d.open = true })")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing(visit, size, mode):
    one = visit(size, **MODES[mode])
    page = one.page
    if mode == "large":
        page.get_by_role("button", name="换成大字版").click()
        expect(page.locator("html[data-size=large]")).to_have_count(1)
    no_violation(page, "first page")
    page.locator("#menu > summary").click()
    page.locator(".menu-fold > summary").click()
    no_violation(page, "menu")
    page.keyboard.press("Escape")
    one.ask(QUESTION)
    one.ask("用血直免要亲属关系证明吗")
    open_all(page)
    no_violation(page, "verdict, everything open")
    one.press("开始承诺")
    open_all(page)
    no_violation(page, "form")
    page.goto(one.base + "/pledge/new/F169")
    no_violation(page, "notice of a pledge")
    page.get_by_role("button", name="看完了，开始填写").click()
    page.locator("details").first.evaluate("d => { d.open = true }")
    no_violation(page, "pledge")
    page.get_by_role("button", name="提交").click()
    expect(page.locator('[role="alert"]')).to_be_visible()
    no_violation(page, "pledge with faults")
    assert all("422" in c for c in one.complaints)
    one.complaints.clear()
    for path in ("/card/F064", "/letters/check"):
        page.goto(one.base + path)
        open_all(page)
        no_violation(page, path)


@pytest.mark.parametrize("size", SIZES)
def test_every_stop_of_the_tab_key_is_seen_and_large_enough(visit, size):
    one = visit(size)
    page = one.page
    one.ask(QUESTION)
    page.locator(".fold summary").click()
    page.locator("body").evaluate("b => { b.tabIndex = -1; b.focus(); b.removeAttribute('tabindex') }")
    stops = []
    for _ in range(40):
        page.keyboard.press("Tab")
        stop = page.evaluate(
            """() => { const e = document.activeElement, s = getComputedStyle(e), b = e.getBoundingClientRect();
            return [e.className || e.id, e.id, parseFloat(s.outlineWidth) >= 2 && s.outlineStyle !== 'none' || s.boxShadow !== 'none',
                    b.width, b.height, b.top >= 0 && b.bottom <= innerHeight] }"""
        )
        if stops and stop[1] == "send":
            stops.append(stop)
            break
        stops.append(stop)
    names = [s[0] for s in stops]
    assert names[0] == "skip" and names[1] == "brand" and stops[-1][1] == "send", names
    order = [
        next(i for i, n in enumerate(names) if n == wanted) for wanted in ("skip", "tool", "small", "send")
    ]
    assert order == sorted(order), names
    for name, _, marked, width, height, inside in stops:
        assert marked, f"{name}: focus is not seen"
        inline = name == "" and height >= 20  # a link within words
        assert (width >= 24 and height >= 24) or inline, (name, width, height)
        assert inside, f"{name}: focus is outside the screen"


def test_a_screen_reader_hears_what_happens(visit):
    one = visit("phone")
    page = one.page
    log = page.get_by_role("log", name="对话记录")
    expect(log).to_have_attribute("aria-live", "polite")
    page.route("**/chat/turn", lambda route: (page.wait_for_timeout(600), route.continue_()))
    page.fill("#message", QUESTION)
    page.locator("#send").tap()
    expect(log).to_have_attribute("aria-busy", "true")
    expect(page.locator(".typing")).to_contain_text("正在查目录")
    expect(page.locator("article.card")).to_be_visible()
    expect(log).to_have_attribute("aria-busy", "false")
    expect(log.locator(".tools")).to_have_attribute("aria-live", "off")
    snapshot = page.locator("main").aria_snapshot()
    for words in ("您说：", "免证通回答：", "需要", "依据和来源", "这个回答有用吗？"):
        assert words in snapshot


def test_an_answer_asked_by_a_button_gets_the_focus(visit):
    one = visit("desktop")
    one.ask("离职提取住房公积金要离职证明吗")
    one.press("杭州市")
    expect(one.last).to_be_focused()


def test_nothing_moves_for_those_who_wish_so(visit):
    one = visit("phone", reduced_motion="reduce")
    one.ask(QUESTION)
    one.page.locator(".fold summary").click()
    moving = one.page.evaluate("document.getAnimations().length")
    assert moving == 0
    durations = one.page.evaluate(
        "[...document.querySelectorAll('*')].map(e => getComputedStyle(e).transitionDuration)"
    )
    assert set(durations) == {"0s"}


def test_without_a_script_everything_that_is_offered_works(visit):
    one = visit("phone", script=False)
    page = one.page
    one.ask(QUESTION)
    for name in ("复制", "转发"):
        assert page.get_by_role("button", name=name, exact=True).count() == 0
    expect(page.locator("#speak")).not_to_be_visible()
    page.locator(".fold summary").click()
    expect(page.locator(".sources")).to_be_visible()
    page.get_by_role("link", name="这一条的网页").click()
    expect(page.locator("article.card")).to_contain_text("清税证明")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("large", [False, True])
def test_nothing_is_wider_than_the_screen_in_any_size(visit, size, large):
    one = visit(size)
    page = one.page
    if large:
        page.get_by_role("button", name="换成大字版").click()
        expect(page.locator("html[data-size=large]")).to_have_count(1)
    one.ask(QUESTION)
    one.ask("申请最低生活保障要准备哪些证明")
    open_all(page)
    for path in (None, "/card/F064", "/pledge/new/F169", "/letters/check"):
        if path:
            page.goto(one.base + path)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, path
    page.set_viewport_size({"width": 320, "height": 640})  # 1280 pixels at 400 %, WCAG 1.4.10
    page.goto(one.base + "/")
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
