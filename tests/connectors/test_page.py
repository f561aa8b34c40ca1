"""The chat page without JavaScript, its headers, and the small functions that draw it."""

import re
from html.parser import HTMLParser

import pytest

from bot.answering import choose
from bot.context import Context
from connectors.drawing import blocks, lead, parts, says, unsaid_candidates
from connectors.pages import safe_document, safe_url, static_url, templates, words

QUESTION = "公司注销要清税证明吗"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Page(HTMLParser):
    """All tags of a page with their attributes."""

    def __init__(self, html):
        super().__init__()
        self.tags = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def ask(web, **fields):
    """Post the form and follow to the page, as a browser does."""
    response = web.post("/", data=fields)
    assert response.status_code == 303 and response.headers["location"] == "/#latest"
    return web.get("/").text


def test_the_first_page(web):
    response = web.get("/")
    page = Page(response.text)
    assert response.status_code == 200 and response.headers["content-type"] == "text/html; charset=utf-8"
    assert page.all("html")[0]["lang"] == "zh-CN"
    (form,) = [f for f in page.all("form") if f.get("id") == "composer"]
    assert form["method"] == "post" and form["action"] == "/"
    assert len(page.all("option")) == 1 + 1 + 11 + 90
    assert len([b for b in page.all("button") if b.get("name") == "example"]) >= 5
    labelled = {t.get("for") for t in page.all("label")}
    assert {"region", "message"} <= labelled
    assert [a["href"] for a in page.all("a") if a["href"].startswith("tel:")] == ["tel:12345"]


def test_the_security_headers(web):
    for response in (
        web.get("/"),
        web.post("/", data={"message": QUESTION}),
        web.post("/chat/turn", data={"message": QUESTION}),
        web.post("/", data={}),
    ):
        policy = response.headers["content-security-policy"]
        rules = dict(r.strip().split(" ", 1) for r in policy.split(";"))
        assert (
            "unsafe-inline" not in policy
            and "unsafe-eval" not in policy
            and "*" not in policy
            and "http" not in policy
        )
        assert (
            rules["default-src"] == "'none'"
            and rules["script-src"] == "'self'"
            and rules["frame-ancestors"] == "'none'"
        )
        assert rules["form-action"] == "'self'" and rules["base-uri"] == "'none'"
        assert (
            response.headers["x-content-type-options"] == "nosniff"
            and response.headers["cache-control"] == "no-store"
        )


def test_nothing_on_the_page_needs_what_the_policy_forbids(web):
    html = ask(web, message=QUESTION)
    page = Page(html)
    for tag, attrs in page.tags:
        assert "style" not in attrs and not [a for a in attrs if a.startswith("on")], (tag, attrs)
    assert all(s.get("src", "").startswith("/static/") for s in page.all("script")) and not page.all("style")
    for tag in ("link", "img", "script", "iframe"):
        for attrs in page.all(tag):
            assert (attrs.get("href") or attrs.get("src")).startswith("/"), attrs


def test_static_files(web):
    for name, kind in (("chat.css", "text/css"), ("chat.js", "javascript"), ("icon.svg", "image/svg+xml")):
        response = web.get(static_url(name))
        assert response.status_code == 200 and kind in response.headers["content-type"]
    script = web.get(static_url("chat.js")).text
    assert "innerHTML" not in script and "eval(" not in script and "http" not in script


def test_a_question_and_its_card(web, catalogue):
    html = ask(web, message=QUESTION)
    row = catalogue.rows["F274"]
    assert (
        QUESTION in html
        and "card tone-need" in html
        and row.replacement in html
        and row.legal_basis.replace("&", "&amp;") in html
    )
    assert row.source_title in html and f'href="{row.source_url}"' in html
    assert 'rel="noopener noreferrer nofollow"' in html


def test_who_asks_on_what_ground_sees_the_ground_before_the_words(catalogue):
    row = catalogue.rows["F274"]
    for intent, first in (("ask_need_proof", False), ("ask_legal_basis", True)):
        reply = choose(catalogue, row.id, Context(), intent)[0].wire()
        html = templates.get_template("turn.html").render(
            turn={"message": "", "reply": reply}, region="", csrf=""
        )
        shown = f"<dd>{row.legal_basis}</dd>"
        assert html.count(shown) == 1 and (html.index(shown) < html.index("<details")) == first, intent


def test_buttons_work_as_plain_posts(web):
    html = ask(web, message="离职提取住房公积金要离职证明吗")
    offered = [b["value"] for b in Page(html).all("button") if b.get("name") == "payload"]
    assert "choose:F305" in offered and "none" in offered
    html = ask(web, payload="choose:F305", message="还在框里的字")
    assert "还在框里的字" not in html and "杭州市" in html
    old = [b for b in Page(html).all("button") if b.get("value") in offered]
    assert old and all("disabled" in b for b in old), "buttons of earlier turns are off"


def test_the_region_is_kept(web):
    html = ask(web, message="离职提取住房公积金要离职证明吗", region="330100")
    assert [o["value"] for o in Page(html).all("option") if "selected" in o] == ["330100"]
    assert "card" in html
    html = ask(web, message=QUESTION, region="")
    assert [o["value"] for o in Page(html).all("option") if "selected" in o] in ([], [""])


def test_two_turns_stand_in_order_and_restart_forgets_them(web):
    ask(web, message="要清税证明吗一")
    html = ask(web, example="要清税证明吗二")
    assert html.index("要清税证明吗一") < html.index("要清税证明吗二")
    response = web.post("/chat/restart")
    assert response.status_code == 303 and response.headers["location"] == "/"
    assert "要清税证明吗一" not in web.get("/").text


def test_the_cookie_is_for_this_visit_and_for_no_script(web):
    cookie = web.get("/").headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Max-Age" not in cookie
    assert "Secure" not in cookie and "Partitioned" not in cookie
    assert "set-cookie" not in web.get("/").headers
    web.cookies.clear()
    assert "; Secure" in web.get("https://testserver/").headers["set-cookie"]


@pytest.mark.parametrize(
    "value", ["chosen-by-somebody-else", "chosen-by-somebody-else.x", ".x", "a.b.c", "x." + "0" * 40]
)
def test_nobody_can_choose_the_id_of_a_conversation(web, value):
    token = web.token
    web.cookies.clear()
    web.cookies.set("mianzheng_session", value)
    response = web.post("/", data={"message": QUESTION, "csrf": token})
    assert response.status_code == 403 and value not in response.headers["set-cookie"]


def test_the_script_gets_the_turn_alone(web):
    response = web.post("/chat/turn", data={"message": QUESTION})
    assert (
        response.status_code == 200
        and "<html" not in response.text
        and response.text.count('class="turn"') == 1
    )
    assert QUESTION in response.text


@pytest.mark.parametrize(
    ("fields", "status"),
    [({}, 422), ({"message": " "}, 422), ({"message": "证" * 501}, 422), ({"message": QUESTION, "region": "999999"}, 422), ({"payload": "choose:F001"}, 422), ({"message": "证" * 6000}, 413)],
)  # fmt: skip
def test_a_problem_is_told_on_the_page_and_what_was_typed_stays(web, fields, status):
    for path in ("/", "/chat/turn"):
        response = web.post(path, data=fields)
        assert response.status_code == status and "text/html" in response.headers["content-type"]
        assert 'role="alert"' in response.text and "Traceback" not in response.text
    typed = fields.get("message", "").strip()
    if typed and status == 422:
        assert typed[:500] in web.post("/", data=fields).text


def test_only_forms_are_read(web):
    response = web.post("/", content=b'{"message": "a"}', headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    response = web.post("/", files={"message": ("a.txt", b"x")})
    assert response.status_code == 422
    body = "&".join(f"a{n}=1" for n in range(50)) + "&message=x"
    assert web.post("/", content=body.encode(), headers=FORM).status_code == 422


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Referer": "https://evil.example/x"},
     {"Origin": "http://testserver.evil.example"}, {"Origin": "http://[broken"}],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/chat/turn", "/chat/restart"])
def test_posts_of_other_sites_are_refused(web, path, headers):
    ask(web, message="我自己的问题要清税证明吗")
    response = web.post(path, data={"message": "别的网站塞进来的"}, headers=headers)
    assert response.status_code == 403
    html = web.get("/").text
    assert "别的网站塞进来的" not in html and "我自己的问题" in html


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "http://testserver"}, {"Referer": "http://testserver/x"}])  # fmt: skip
def test_posts_of_our_own_page_are_not(web, headers):
    assert web.post("/", data={"message": QUESTION}, headers=headers).status_code == 303


HOSTILE = [
    '<img src=x onerror="alert(1)">',
    "</textarea><script>alert(1)</script>",
    "{{ 7*7 }}",
    "'\"><svg onload=alert(1)>",
    "&lt;b&gt;",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_are_shown_as_words(web, text):
    for html in (
        ask(web, message=text),
        web.post("/", data={"message": text, "region": "999999"}).text,
        web.post("/chat/turn", data={"message": text}).text,
    ):
        page = Page(html)
        assert not [s for s in page.all("script") if "src" not in s]
        assert [t["name"] for t in page.all("textarea") if t.get("name") != "text"] in ([], ["message"])
        assert not [a for tag, a in page.tags if any(k.startswith("on") for k in a)]
        assert (
            "49"
            not in re.sub(r"[^4-9]", " ", "".join(re.findall(r'class="you">.*?</p>', html, re.S))).split()
        )


def test_a_hostile_row_is_shown_as_words(web, monkeypatch, catalogue):
    import dataclasses

    planted = dataclasses.replace(
        catalogue.rows["F274"],
        replacement="<script>alert(1)</script>",
        legal_basis='"><img src=x onerror=alert(1)>',
        source_url="javascript:alert(1)",
        source_title="<b>来源</b>",
    )
    monkeypatch.setitem(web.app.state.catalogue.rows._held, "F274", planted)
    page = Page(ask(web, message=QUESTION))
    assert not [s for s in page.all("script") if "src" not in s]
    assert not [i for i in page.all("img") if i.get("src") == "x"]
    assert not [a for a in page.all("a") if a["href"].startswith("javascript")]


# --- the small functions


@pytest.mark.parametrize(
    ("url", "safe"),
    [("https://a.example/x?y=1", True), ("http://a.example", True), (" https://a.example ", True), ("javascript:alert(1)", False), ("JAVASCRIPT:alert(1)", False),
     ("data:text/html,x", False), ("//evil.example", False), ("https://", False), ("", False), (None, False), ("http://[broken", False), ("java\nscript:alert(1)", False), ("/x", False)],
)  # fmt: skip
def test_safe_url(url, safe):
    assert safe_url(url) == ((url or "").strip() if safe else None)


def test_safe_document():
    assert safe_document("/document/1") == "/document/1"
    assert (
        safe_document("//evil.example") is None
        and safe_document("/\\evil.example") is None
        and safe_document("javascript:x") is None
    )


def test_blocks():
    made = blocks("您问的是哪个？\n1. 甲\n2. 乙\n\n· 丙\n1.5 倍\n2019-01-01 起")
    assert [(b["kind"], b["lines"]) for b in made] == [
        ("p", ["您问的是哪个？"]),
        ("ol", ["甲", "乙"]),
        ("ul", ["丙"]),
        ("p", ["1.5 倍"]),
        ("p", ["2019-01-01 起"]),
    ]
    assert blocks("") == []


def test_lead_leaves_out_what_the_card_shows(catalogue):
    from bot.answering import verdict_text

    for row in catalogue.rows.values():
        if row.kind == "general_rule":
            continue
        text = lead(verdict_text(row), row.verdict())
        assert text.splitlines()[0] == verdict_text(row).splitlines()[0], row.id
        assert "来源：" not in text, row.id


def test_says():
    assert says("用承诺书，代替。", "承诺书代替") and not says("x", None) and not says("x", "y")


def test_parts_put_each_verdict_beside_its_words():
    first, second = ({"kind": "cancelled", "requirement_id": i} for i in ("F1", "F2"))
    reply = {
        "replies": [{"text": "a", "card": first}, {"text": "b", "card": second}],
        "verdict": first,
        "verdicts": [first, second],
    }
    assert [(p["text"], p["verdict"]) for p in parts(reply)] == [("a", first), ("b", second)]
    without = {"replies": [{"text": "a"}], "verdict": first}
    assert parts(without)[0]["verdict"] == first
    assert [p["verdict"] for p in parts({"replies": [], "verdict": first})] == [first]


def test_proofs_of_a_list_that_nothing_names_are_still_shown():
    reply = {
        "outcome": "answered_list",
        "replies": [{"text": "有：甲证明", "buttons": []}],
        "candidates": [{"proof": "甲证明"}, {"proof": "乙证明"}],
    }
    assert unsaid_candidates(reply) == [{"proof": "乙证明"}]


def test_every_kind_of_verdict_is_drawn(web, catalogue):
    known = words()["verdicts"]
    seen = set()
    for row in catalogue.rows.values():
        if row.kind != "general_rule" and row.verdict_kind not in seen:
            seen.add(row.verdict_kind)
            template = templates.get_template("turn.html")
            reply = {
                "outcome": "answered",
                "replies": [{"text": "话", "buttons": [], "card": row.verdict()}],
                "verdict": row.verdict(),
            }
            html = template.render(turn={"message": "问", "reply": reply}, region="")
            assert known[row.verdict_kind]["word"] in html and "{{" not in html
    assert seen == set(known)


def test_one_row_has_a_page_of_its_own(web):
    found = web.get("/card/F274")
    assert found.status_code == 200 and "清税证明" in found.text and "composer" in found.text
    assert found.headers["content-security-policy"].startswith("default-src 'none'")
    for unknown in ("/card/F99999", "/card/<script>", "/card/%00"):
        missing = web.get(unknown)
        assert missing.status_code == 404 and "<script>" not in missing.text
