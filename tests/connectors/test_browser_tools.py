"""What the page can do, in a real Chromium: sharing, speaking, rating, taking along, erasing, surviving, being framed."""

from __future__ import annotations

import dataclasses
import http.server
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from ..browser import SIZES
from ..support import free_ports

pytestmark = [pytest.mark.browser, pytest.mark.stack]
QUESTION = "公司注销要清税证明吗"
SCRIPTS = pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])

# A browser's recognition of speech, played by hand: window.ears holds those that listen.
EARS = """
window.ears = [];
window.SpeechRecognition = window.webkitSpeechRecognition = class {
  start() { window.ears.push(this); }
  stop() { this.onend && this.onend(); }
  hear(words) { this.onresult({ results: [[{ transcript: words }]] }); }
  fail(error) { this.onerror({ error }); this.onend(); }
};
"""


# --- one answer


def test_an_answer_is_copied_with_its_link(visit):
    one = visit("desktop", permissions=["clipboard-read", "clipboard-write"])
    one.ask(QUESTION)
    one.page.get_by_role("button", name="复制", exact=True).click()
    expect(one.page.get_by_role("status")).to_contain_text("已经复制")
    words = one.page.evaluate("navigator.clipboard.readText()")
    assert "清税证明" in words and "依据：" in words and words.endswith(f"{one.base}/card/F274")


def test_an_answer_is_copied_where_there_is_no_clipboard_to_ask(visit):
    one = visit("desktop", permissions=["clipboard-read", "clipboard-write"])
    one.page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', { value: undefined, configurable: true })"
    )
    one.ask(QUESTION)
    one.page.get_by_role("button", name="复制", exact=True).click()
    expect(one.page.get_by_role("status")).to_contain_text("已经复制")


def test_an_answer_is_shared_where_the_device_can(visit):
    one = visit("phone")
    one.ask(QUESTION)
    expect(one.page.get_by_role("button", name="转发")).to_have_count(0)
    one.page.add_init_script("navigator.share = what => { window.shared = what; return Promise.resolve(); }")
    one.page.reload()
    one.page.get_by_role("button", name="转发").click()
    shared = one.page.evaluate("window.shared")
    assert shared["url"] == f"{one.base}/card/F274" and "清税证明" in shared["text"]


@SCRIPTS
def test_an_answer_is_rated_with_a_reason(visit, script):
    one = visit("phone", script)
    page = one.page
    one.ask(QUESTION)
    page.get_by_text("没用", exact=True).click()
    page.get_by_label("规定已经变了").check()
    page.locator(".why textarea").fill("去年改了，我的电话13857112345")
    page.get_by_role("button", name="提交").click()
    expect(page.locator(".thanks")).to_have_text("谢谢，记下了。")
    page.reload()
    expect(page.locator(".thanks")).to_have_count(1)
    one.ask("娃上小学要计划生育证明吗")
    page.get_by_role("button", name="有用", exact=True).click()
    expect(one.last.locator(".thanks")).to_be_visible()


def test_a_rating_that_was_not_kept_is_told(visit):
    one = visit("phone")
    one.ask(QUESTION)
    one.page.context.set_offline(True)
    one.page.get_by_role("button", name="有用", exact=True).click()
    expect(one.page.get_by_role("status")).to_contain_text("存不进去")
    one.complaints.clear()


@SCRIPTS
def test_a_long_answer_opens_by_steps(visit, script):
    one = visit("phone", script)
    one.ask("哪些事情不能用承诺代替证明？")
    rest = one.last.locator(".rest > :not(summary)").first
    expect(rest).not_to_be_visible()
    one.last.locator(".rest > summary").click()
    expect(rest).to_be_visible()


# --- speaking


def heard(visit):
    one = visit("phone")
    one.page.add_init_script(EARS)
    one.page.reload()
    return one, one.page.locator("#speak")


def test_what_is_said_stands_in_the_box(visit):
    one, speak = heard(visit)
    page = one.page
    speak.click()
    expect(page.locator("#speak-hint")).to_contain_text("声音可能会传给浏览器的厂商")
    assert page.evaluate("window.ears.length") == 0, "who may hear it is said before anything is heard"
    speak.click()
    expect(speak).to_have_attribute("aria-pressed", "true")
    expect(speak).to_have_attribute("aria-label", "说完了")
    page.evaluate("window.ears[0].hear('公司注销要清税')")
    page.evaluate("window.ears[0].hear('公司注销要清税证明吗')")
    speak.click()
    expect(speak).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#message")).to_have_value(QUESTION)
    page.click("#send")
    expect(page.locator("article.card")).to_be_visible()


@pytest.mark.parametrize(
    "error, words", [("not-allowed", "不让用麦克风"), ("no-speech", "没有听到"), ("network", "没有听到")]
)
def test_a_microphone_that_fails_is_told(visit, error, words):
    one, speak = heard(visit)
    speak.click()
    speak.click()
    one.page.evaluate(f"window.ears[0].fail('{error}')")
    expect(one.page.get_by_role("status")).to_contain_text(words)
    expect(speak).to_have_attribute("aria-pressed", "false")


def test_a_browser_that_does_not_hear_shows_no_microphone(visit):
    one = visit("phone")
    one.page.add_init_script("delete window.SpeechRecognition; delete window.webkitSpeechRecognition;")
    one.page.reload()
    expect(one.page.locator("#speak")).not_to_be_visible()


# --- surviving


def test_an_answer_that_was_lost_on_its_way_is_not_made_twice(visit):
    one = visit("phone")
    page = one.page
    first = True

    def lose(route):
        nonlocal first
        if first:
            first = False
            route.fetch()  # it is answered, and the answer does not arrive
            route.abort()
        else:
            route.continue_()

    page.route("**/chat/turn", lose)
    page.fill("#message", QUESTION)
    page.click("#send")
    page.get_by_role("button", name="再试一次").click()
    expect(page.locator("article.card")).to_have_count(1)
    page.reload()
    expect(page.locator(".turn")).to_have_count(1)
    assert one.complaints
    one.complaints.clear()


def test_what_had_no_answer_is_sent_again_when_the_connection_is_back(visit):
    one = visit("phone")
    page = one.page
    page.context.set_offline(True)
    page.fill("#message", QUESTION)
    page.click("#send")
    expect(page.locator(".problem")).to_contain_text("没有收到回答")
    page.context.set_offline(False)
    expect(page.locator("article.card")).to_have_count(1)
    page.reload()
    expect(page.locator(".turn")).to_have_count(1)
    one.complaints.clear()


def test_a_page_that_lay_too_long_gets_a_fresh_token(visit):
    one = visit("phone")
    page = one.page
    page.context.clear_cookies()
    page.fill("#message", QUESTION)
    page.click("#send")
    expect(page.locator('[role="alert"]')).to_contain_text("再按一次")
    page.get_by_role("button", name="再试一次").click()
    expect(page.locator("article.card")).to_be_visible()
    assert all("403" in c for c in one.complaints)
    one.complaints.clear()


def test_what_was_typed_is_there_after_a_reload(visit):
    one = visit("phone")
    one.page.fill("#message", "还没写完")
    one.page.reload()
    expect(one.page.locator("#message")).to_have_value("还没写完")


# --- the whole conversation


@SCRIPTS
def test_the_conversation_is_taken_along_and_erased(visit, script):
    one = visit("phone", script)
    page = one.page
    one.ask(QUESTION)
    page.locator("#menu > summary").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="下载这次对话").click()
    text = download.value.path().read_text(encoding="utf-8-sig")
    assert QUESTION in text and download.value.suggested_filename == "mianzheng.txt"
    one.complaints.clear()  # a download is a navigation that is given up
    page.locator(".menu-fold > summary").click()
    expect(page.get_by_text("删了就找不回来")).to_be_visible()
    page.get_by_role("button", name="确定删除").click()
    expect(page.locator("#welcome")).to_be_visible()
    expect(page.locator(".turn")).to_have_count(0)


# --- how it looks


@SCRIPTS
def test_large_letters_and_dark_stay(visit, script):
    one = visit("phone", script)
    page = one.page
    page.get_by_role("button", name="换成大字版").click()
    expect(page.locator("html[data-size=large]")).to_have_count(1)
    page.locator("#menu > summary").click()
    page.get_by_role("button", name="深色").click()
    expect(page.locator("html[data-colours=dark]")).to_have_count(1)
    page.goto(one.base + "/card/F064")
    expect(page.locator("html[data-size=large][data-colours=dark]")).to_have_count(1)
    box = page.locator(".card .prose p").first.bounding_box()
    assert box and box["height"] >= 30
    if script:
        assert page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") >= 22
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 21, 28)"
    page.get_by_role("button", name="换回标准字号").click()
    expect(page.locator("html[data-size=normal]")).to_have_count(1)
    assert page.url == one.base + "/card/F064"


def test_on_paper_there_are_answers_and_nothing_to_press(visit):
    one = visit("desktop", color_scheme="dark")
    page = one.page
    one.ask(QUESTION)
    page.emulate_media(media="print")
    for gone in (".composer", ".bar-tools", ".tools", ".skip"):
        expect(page.locator(gone).first).not_to_be_visible()
    expect(page.locator(".card .prose")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert len(page.pdf()) > 5000


# --- rows and words that mean harm


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_hostile_rows_are_words_and_nothing_else(visits, serve, script):
    base, app = serve()
    rows = app.state.catalogue.rows
    row = rows["F274"]
    planted = dataclasses.replace(
        row,
        proof="清税证明</h2><script>window.harm = 1</script>",
        matter='公司注销" onmouseover="window.harm = 1" x="',
        replacement="<img src=x onerror='window.harm = 1'>{{ 7 * 7 }}${7 * 7}",
        legal_basis="\u202e法条\u2066<svg onload=window.harm=1>",
        source_title="</a><iframe src='javascript:parent.harm=1'></iframe>来源",
        source_url="javascript:window.harm=1",
    )
    rows._held["F274"] = planted
    try:
        one = visits(base, "phone", script)
        page = one.page
        one.ask("&lt;b&gt;\"'><script>window.harm = 1</script> 公司注销要清税证明吗")
        one.ask(QUESTION)
        page.goto(base + "/card/F274")
        card = page.locator("article.card")
        card.locator("summary").last.click()
        for words in (
            "<script>window.harm = 1</script>",
            "onmouseover=",
            "onerror=",
            "{{ 7 * 7 }}",
            "<iframe",
        ):
            expect(card).to_contain_text(words)
        assert card.locator("a, img, script, iframe, [onmouseover]").count() == 0
        page.goto(base + "/")
        expect(page.locator(".turn")).to_have_count(2)
        page.get_by_role("link", name="这一条的网页").last.click()
        if script:
            assert page.evaluate("window.harm") is None
            isolated = "getComputedStyle(document.querySelector('.card dd')).unicodeBidi"
            assert page.evaluate(isolated) == "isolate", "a planted direction ends with its own words"
    finally:
        rows._held["F274"] = row


# --- a portal's frame


@pytest.fixture
def portal() -> Iterator[tuple[str, str, list[str]]]:
    """Two other origins that show a page with a frame; gives both and what the frame is to show."""
    (port,) = free_ports(1)
    shows = [""]

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(
                f'<title>门户</title><iframe src="{shows[0]}" width="380" height="700"></iframe>'.encode()
            )

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{port}", f"http://other.localhost:{port}", shows
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_a_named_portal_shows_the_chat_and_no_other_does(chromium, serve, portal, script):
    named, stranger, shows = portal
    base, _ = serve(embed_origins=(named,))
    context = chromium.new_context(java_script_enabled=script, locale="zh-CN")
    page = context.new_page()
    page.set_default_timeout(15000)
    shows[0] = base + "/"
    page.goto(named)
    frame = page.frame_locator("iframe")
    frame.locator("#message").fill(QUESTION)
    frame.locator("#send").click()
    expect(frame.locator("article.card")).to_be_visible()
    frame.locator("#message").fill("娃上小学要计划生育证明吗")
    frame.locator("#send").click()
    expect(frame.locator("article.card")).to_have_count(2)
    page.reload()
    expect(frame.locator("article.card")).to_have_count(2)
    with context.expect_page() as opened:
        frame.get_by_role("link", name="这一条的网页").first.click()
    expect(opened.value.locator("article.card")).to_be_visible()
    with page.expect_console_message(lambda said: "frame-ancestors" in said.text):
        page.goto(stranger)
    expect(frame.locator("#message")).to_have_count(0)
    shows[0] = base + "/pledge/new/F169"
    with page.expect_console_message(lambda said: "frame-ancestors" in said.text):
        page.goto(named)
    expect(frame.locator(".sheet")).to_have_count(0)
    context.close()


@pytest.mark.parametrize("size", SIZES)
def test_the_first_page_is_small_and_asks_no_other_host(visit, size):
    """The budget of an old phone: every byte that Chromium gets over the wire for the first page."""
    one = visit(size)
    session = one.page.context.new_cdp_session(one.page)
    got = []
    session.on("Network.loadingFinished", lambda e: got.append(e["encodedDataLength"]))
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    one.page.goto(one.base + "/", wait_until="networkidle")
    assert len(got) >= 4 and sum(got) < 50 * 1024, got
