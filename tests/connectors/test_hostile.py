"""Whatever is sent, the answer is a reply or a problem document, never a crash."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ..catalogue.test_text import NASTY

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | NASTY,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NASTY, inner, max_size=3),
    max_leaves=8,
)


def calm(response):
    assert response.status_code in (200, 400, 413, 422), (response.status_code, response.text[:300])
    body = json.loads(response.content.decode("utf-8"))
    kind = "application/json" if response.status_code == 200 else "application/problem+json"
    assert response.headers["content-type"].startswith(kind)
    assert response.status_code == 200 or body["status"] == response.status_code
    return body


@settings(max_examples=60)
@given(NASTY)
@example("\ud800")
@example("证明\udfff要吗")
@example("\x00公司注销要清税证明吗\x00")
@example("{0.__class__}{matter}%s%n")
@example("\u202e\u2066" * 100)
@example("a\u0301" * 200)
@example("﷽" * 20)  # one character becomes eighteen
@example("1" * 400)
@example("证明" * 249)
@example("((((((((((" * 20)
def test_any_message(session_web, text):
    calm(session_web.post("/api/chat", content=json.dumps({"message": text}).encode()))


@settings(max_examples=60)
@given(ANY_JSON, st.sampled_from(["message", "payload", "session_id", "region", None]))
def test_any_json(session_web, value, name):
    body = value if name is None else {"message": "要证明吗", name: value}
    calm(session_web.post("/api/chat", content=json.dumps(body).encode()))


@settings(max_examples=60)
@given(st.binary(max_size=300))
def test_any_bytes(session_web, body):
    calm(session_web.post("/api/chat", content=body))


@settings(max_examples=30)
@given(NASTY)
@example("\ud800" * 5)
def test_any_session_and_any_payload(session_web, text):
    calm(session_web.post("/api/chat", content=json.dumps({"session_id": text, "message": "你好"}).encode()))
    calm(session_web.post("/api/chat", content=json.dumps({"session_id": text, "payload": text}).encode()))


@settings(max_examples=30)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@example("\x00")
@example('" OR "')
def test_any_lookup(session_web, text):
    calm(session_web.get("/api/lookup", params={"q": text}))


@settings(max_examples=40)
@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.sampled_from(["message", "payload", "region", "example", "other"]),
)
@example("\x00", "message")
@example("<script>alert(1)</script>", "message")
@example("\ufffe", "region")
def test_any_form(session_web, text, name):
    session_web.cookies.clear()
    for path in ("/", "/chat/turn"):
        response = session_web.post(path, data={"message": "要证明吗", name: text})
        assert response.status_code in (200, 303, 413, 422)
        response.content.decode("utf-8")


@pytest.mark.parametrize(
    "body",
    [b"message=%ff%fe", b"%", b"message=%ed%a0%80", b"&" * 2000, b"=" * 100, b"a=b;c=d", b"message=\xff"],
)
def test_forms_that_are_none(session_web, body):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for sent in (body, f"csrf={session_web.token}&".encode() + body):
        assert session_web.post("/", content=sent, headers=headers).status_code in (200, 303, 403, 413, 422)


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": "mianzheng_session=" + "x" * 5000},
        {"Cookie": 'mianzheng_session="; drop table'},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json; charset=gbk"},
        {"X-Forwarded-For": "1.2.3.4, <script>"},
        {"Host": "evil.example"},
        {"Accept-Language": "x" * 4000},
        {"Content-Length": "abc"},
    ],
)
def test_odd_headers(session_web, headers):
    calm(session_web.post("/api/chat", content='{"message": "要证明吗"}'.encode(), headers=headers))


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/static/chat.css%00", "/..%2f..%2fetc%2fpasswd", "/static/"])  # fmt: skip
def test_no_path_leads_out_of_the_static_folder(session_web, path):
    response = session_web.get(path)
    assert (
        response.status_code in (400, 404)
        and b"import" not in response.content
        and b"root:" not in response.content
    )


def test_a_stored_reply_never_holds_the_typed_markup_unescaped(session_web):
    session_web.cookies.clear()
    text = '"><b id=planted>要清税证明吗</b>&amp;'
    assert session_web.post("/", data={"message": text}).status_code == 303
    page = session_web.get("/").text
    assert "<b id=planted>" not in page and "&lt;b id=planted&gt;" in page and "&amp;amp;" in page
