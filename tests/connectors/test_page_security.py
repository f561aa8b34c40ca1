"""Forms need the visitor's token, portals must be named, pages are small, and headers say what a browser may do."""

from __future__ import annotations

import re

import pytest
from fastapi.routing import APIRoute

from connectors.pages import static_url

from .test_page import QUESTION, Page

PORTAL = "https://portal.example"
LIMIT = 150 * 1024  # bytes of the first page, compressed


# Who does not hold its secret link is told of no such page before the token is looked at (test_report_photo has the token).
BY_LINK = {"/reports/CN261123-AAAAAA/photo"}


def page_forms(app):
    """All addresses that forms of pages are sent to."""
    routes = [r for r in app.routes if isinstance(r, APIRoute) and "POST" in r.methods]
    paths = [r.path for r in routes if not r.path.startswith(("/api/", "/wechat/"))]
    return [p.replace("{requirement_id}", "F169").replace("{reference}", "CN261123-AAAAAA") for p in paths]


def test_every_form_needs_the_token_of_its_visitor(web):
    web.post("/", data={"message": QUESTION})
    paths = page_forms(web.app)
    assert {"/", "/chat/turn", "/chat/delete", "/chat/feedback", "/chat/view", "/letters/check"} <= set(paths)
    assert set(paths) >= BY_LINK
    for path in BY_LINK:
        assert web.post(path, data={"csrf": web.token, "message": QUESTION}).status_code == 404
    for path in set(paths) - BY_LINK:
        files = {"file": ("a.pdf", b"x")} if path == "/letters/check" else None
        for token in ("", "x", "0" * 40, "不是"):
            answer = web.post(path, data={"csrf": token, "message": QUESTION}, files=files)
            assert answer.status_code == 403 and "再按一次" in answer.text, (path, token)
            assert 'lang="zh-CN"' in answer.text or path == "/chat/turn"
    assert web.get("/").text.count('class="turn"') == 1


def test_the_token_of_another_visitor_is_none(web):
    theirs = web.token
    web.cookies.clear()
    web.get("/")
    assert web.post("/", data={"csrf": theirs, "message": QUESTION}).status_code == 403


def test_a_form_that_is_refused_for_its_age_can_be_sent_again(web):
    answer = web.post("/", data={"csrf": "old", "message": "娃上小学要计划生育证明吗"})
    assert answer.status_code == 403 and ">娃上小学要计划生育证明吗</textarea>" in answer.text
    fresh = re.search(r'name="csrf" value="(\w+)"', answer.text)[1]
    assert web.post("/", data={"csrf": fresh, "message": QUESTION}).status_code == 303


def test_what_another_site_sends_is_not_even_shown(web):
    answer = web.post("/", data={"message": "塞进来的"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403 and "塞进来的" not in answer.text


def test_every_page_says_what_a_browser_may_do(web):
    for path in ("/", "/card/F064", "/pledge/new/F169", "/letters/check", "/letters/x", "/chat/download"):
        headers = web.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert (
            "microphone=(self)" in headers["permissions-policy"]
            and "camera=()" in headers["permissions-policy"]
        )
    for path in ("/api/health", "/nowhere"):
        headers = web.get(path).headers
        assert (
            headers["x-frame-options"] == "DENY"
            and "default-src 'none'" in headers["content-security-policy"]
        )
    assert "immutable" in web.get(static_url("chat.css")).headers["cache-control"]


def test_only_named_portals_may_frame_the_chat_and_nothing_else(make_client):
    with make_client(embed_origins=(PORTAL, "https://other.example:8443")) as web:
        answer = web.get("https://testserver/", headers={"Sec-Fetch-Dest": "iframe"})
        assert answer.headers["content-security-policy"].endswith(
            "frame-ancestors https://portal.example https://other.example:8443"
        )
        assert "x-frame-options" not in answer.headers
        cookie = answer.headers["set-cookie"]
        assert "SameSite=none" in cookie and "; Secure" in cookie and cookie.endswith("; Partitioned")
        assert '<base target="_blank">' in answer.text
        assert all(f.get("target") == "_self" for f in Page(answer.text).all("form"))
        for path in ("/card/F064", "/pledge/new/F169", "/letters/check"):
            headers = web.get("https://testserver" + path).headers
            assert "frame-ancestors 'none'" in headers["content-security-policy"], path
            assert headers["x-frame-options"] == "DENY"
        # in the clear a browser would drop such a cookie
        web.cookies.clear()
        assert "SameSite=lax" in web.get("http://testserver/").headers["set-cookie"]
        assert '<base target="_blank">' not in web.get("/").text


def test_the_first_page_is_small(web):
    def size(path):
        response = web.get(path, headers={"Accept-Encoding": "gzip"})
        assert response.status_code == 200
        return int(response.headers["content-length"]), response

    total, response = size("/")
    assert response.headers["content-encoding"] == "gzip"
    page = Page(response.text)
    parts = {a["href"] for a in page.all("link")} | {a["src"] for a in page.all("script") + page.all("img")}
    assert parts and all(p.startswith("/static/") for p in parts)
    for path in parts:
        response = web.get(path, headers={"Accept-Encoding": "gzip"})
        total += response.num_bytes_downloaded
    assert total < LIMIT / 3, total
    assert "content-encoding" not in web.get("/", headers={"Accept-Encoding": "identity"}).headers


@pytest.mark.parametrize(
    "path", ["/nowhere", "//evil.example", "https://evil.example/", "/\\evil.example", "/a\nb"]
)
def test_choosing_a_view_leads_to_no_other_host(web, path):
    there = web.post("/chat/view", data={"size": "large", "back": path}).headers["location"]
    assert there == ("/nowhere" if path == "/nowhere" else "/")
