"""The pages in a real Chromium: on a phone and a desktop, with and without JavaScript."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from ..browser import SIZES
from ..identities import made_up, spoilt

pytestmark = [pytest.mark.browser, pytest.mark.stack]
QUESTION = "公司注销要清税证明吗"
UNSURE = "离职提取住房公积金要离职证明吗"


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
@pytest.mark.parametrize("size", SIZES)
def test_the_whole_way_of_a_citizen(visit, size, script):
    one = visit(size, script)
    page = one.page
    expect(page.locator("#welcome")).to_be_visible()

    one.ask(QUESTION)
    card = one.last.locator("article.card")
    expect(card).to_be_visible()
    expect(card).to_contain_text("清税证明")
    expect(card).to_contain_text("需要")
    expect(one.last.locator(".you")).to_contain_text(QUESTION)
    expect(page.locator("#welcome")).to_have_count(0)

    source = card.locator(".sources a, .sources span").first
    expect(source).not_to_be_visible()
    card.locator("summary").click()
    expect(source).to_be_visible()
    expect(card.locator("dl.facts").last).to_contain_text("细则")

    one.ask(UNSURE)
    expect(one.last.get_by_role("button", name="都不是")).to_be_visible()
    one.press("杭州市")
    expect(one.last.locator("article.card")).to_contain_text("杭州市")
    expect(page.locator(".turn").nth(1).get_by_role("button").first).to_be_disabled()

    page.select_option("#region", "330500")
    one.ask(UNSURE)
    expect(one.last.locator("article.card")).to_contain_text("湖州市")
    expect(page.locator("#region")).to_have_value("330500")

    one.ask("我电话13857112345，娃上小学要计划生育证明吗")
    expect(one.last).to_contain_text("隐去")
    assert "13857112345" not in page.content()

    one.ask("<img src=x onerror=alert(1)> <b>粗</b>")
    expect(one.last.locator(".you")).to_contain_text("<b>粗</b>")
    assert page.locator(".you b").count() == 0

    page.reload()
    expect(page.locator(".turn .answer")).to_have_count(6)
    page.locator("#menu > summary").click()
    page.get_by_role("button", name="重新开始").click()
    expect(page.locator("#welcome")).to_be_visible()
    expect(page.locator(".turn")).to_have_count(0)


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_an_example_is_asked_by_a_press(visit, script):
    one = visit("phone", script)
    one.page.locator(".example").first.click()
    expect(one.page.locator(".turn .answer")).to_have_count(1, timeout=15000)
    expect(one.last.locator("article.card")).to_be_visible()


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_wider_than_the_screen(visit, size):
    one = visit(size)
    for words in (QUESTION, UNSURE, "申请教师资格要准备哪些证明", "今天天气怎么样", "长" * 300, "a" * 300):
        one.ask(words)
        wide = one.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, words
    for button in one.page.locator("button:visible, summary:visible, .tool:visible").all():
        box = button.bounding_box()
        assert box and box["height"] >= 32, button.inner_text()


def test_a_turn_comes_without_loading_the_page_again(visit):
    one = visit("desktop")
    one.page.evaluate("window.stays = true")
    one.ask(QUESTION)
    one.ask("谢谢")
    assert one.page.evaluate("window.stays") is True


def test_the_keyboard_is_enough(visit):
    one = visit("desktop")
    page = one.page
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.locator("#message").focus()
    page.keyboard.type("公司注销")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("要清税证明吗")
    expect(page.locator(".turn")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(one.last.locator("article.card")).to_be_visible()
    expect(page.locator("#message")).to_have_value("")


def test_a_question_is_sent_once_however_often_send_is_pressed(visit):
    one = visit("desktop")
    sent = []
    one.page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    one.page.fill("#message", QUESTION)
    one.page.evaluate("for (let i = 0; i < 5; i++) document.getElementById('send').click()")
    expect(one.page.locator("article.card")).to_have_count(1)
    assert len(sent) == 1


def test_an_empty_question_is_not_sent(visit):
    one = visit("phone")
    one.page.click("#send")
    one.page.wait_for_timeout(200)
    expect(one.page.locator(".turn")).to_have_count(0)


def test_a_problem_is_told_and_what_was_typed_comes_back(visit, stack):
    one = visit("phone")
    one.page.evaluate("document.getElementById('message').removeAttribute('maxlength')")
    one.page.fill("#message", "证" * 501)
    one.page.click("#send")
    expect(one.page.locator('[role="alert"]')).to_contain_text("500")
    expect(one.page.locator("#message")).to_have_value("证" * 501)
    assert all("422" in c for c in one.complaints)
    one.complaints.clear()


def test_a_device_that_wishes_it_dark_gets_it_dark(visit):
    one = visit("phone", color_scheme="dark")
    one.ask(QUESTION)
    background = one.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(int(n) for n in background[background.index("(") + 1 : -1].split(",")[:3]) < 200, background


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_a_pledge_from_question_to_letter_on_a_phone(visit, script):
    one = visit("phone", script)
    page = one.page
    one.ask("用血直免要亲属关系证明吗")
    one.press("开始承诺")
    expect(one.last).to_contain_text("不实承诺的责任")
    one.ask("我叫张三")
    expect(one.last.locator(".form-state")).to_contain_text("张*")
    one.last.get_by_role("link", name="在网页上一次填完").click()
    expect(page.locator("#name")).to_have_value("张三")
    number = made_up(31)
    page.fill("#id_number", spoilt(number))
    page.fill("#facts", "我是献血者李四的丈夫。")
    page.get_by_label("我看清了告知").check()
    page.get_by_role("button", name="提交").click()
    expect(page.locator('[role="alert"]')).to_contain_text("校验不对")
    expect(page.locator("#id_number")).to_have_attribute("aria-invalid", "true")
    assert one.complaints and all("422" in c for c in one.complaints)  # Chromium logs the status of the page
    one.complaints.clear()
    page.fill("#id_number", number)
    page.get_by_label("我看清了告知").check()
    page.get_by_role("button", name="提交").click()
    expect(page.locator(".sheet-done")).to_contain_text("承诺书已经生成")
    assert number not in page.content()
    wide = (
        page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if script
        else 0
    )
    assert wide <= 0
    page.get_by_role("link", name="验真假的页面").click()
    expect(page.locator(".sheet-done")).to_contain_text("这份承诺书是真的")
