"""The pledge's pages: whole without a script, each value checked, nothing shown to others, a letter that can be checked."""

from __future__ import annotations

import re

import pytest
import yaml

from ..identities import made_up, spoilt
from ..support import ROOT
from .test_page import Page

ROW = "F169"
GOOD = {"name": "张三", "id_number": made_up(), "facts": "我是献血者李四的丈夫。", "consent": "yes"}


def begin(web):
    """Return the address of a fresh draft's page, and its CSRF token."""
    answer = web.post(f"/pledge/new/{ROW}")
    assert answer.status_code == 303, answer.text
    address = answer.headers["location"]
    return address, token(web.get(address).text)


def token(html: str) -> str:
    return next(i["value"] for i in Page(html).all("input") if i.get("name") == "csrf")


def post(web, address, csrf, **fields):
    return web.post(address, data={"csrf": csrf, "do": "submit", **fields})


def test_the_notice_is_complete_before_anything_is_asked(web):
    html = web.get(f"/pledge/new/{ROW}").text
    for title in (
        "事项名称",
        "设定依据",
        "证明内容",
        "承诺方式",
        "不实承诺的责任",
        "办事单位的核查权力",
        "承诺书公不公开",
    ):
        assert title in html
    assert "自愿" in html and "照规定去开「亲属关系证明」" in html and "献血法" in html and "待核实" in html
    assert 'name="name"' not in html


def test_the_whole_way_on_pages(web):
    address, csrf = begin(web)
    answer = post(web, address, csrf, **GOOD, phone="13800001111", public="yes")
    assert answer.status_code == 303
    html = web.get(address).text
    assert "承诺书已经生成" in html and GOOD["id_number"] not in html
    links = [a["href"] for a in Page(html).all("a") if a.get("href", "").startswith("/letters/")]
    pdf, docx, check = links
    paper = web.get(pdf)
    assert paper.headers["content-type"] == "application/pdf" and paper.content.startswith(b"%PDF")
    assert web.get(docx).content.startswith(b"PK")
    page = web.get(check)
    assert page.status_code == 200 and "这份承诺书是真的" in page.text
    assert "张" not in re.sub(r"一张", "", page.text) and GOOD["id_number"] not in page.text
    fresh = {"file": ("letter.pdf", paper.content, "application/pdf")}
    assert "一模一样" in web.post("/letters/check", files=fresh).text
    changed = paper.content[:-20] + bytes([paper.content[-20] ^ 1]) + paper.content[-19:]
    refused = web.post("/letters/check", files={"file": ("letter.pdf", changed, "application/pdf")})
    assert refused.status_code == 404 and "改过" in refused.text


def test_a_wrong_number_says_why_and_keeps_the_rest(web):
    address, csrf = begin(web)
    answer = post(web, address, csrf, **{**GOOD, "id_number": spoilt(GOOD["id_number"])})
    assert answer.status_code == 422 and "校验不对" in answer.text
    inputs = {i.get("name"): i for i in Page(answer.text).all("input")}
    assert inputs["name"]["value"] == "张三" and inputs["id_number"].get("aria-invalid") == "true"
    assert GOOD["id_number"][:17] not in answer.text
    again = post(web, address, csrf, **GOOD)
    assert again.status_code == 303 and "承诺书已经生成" in web.get(address).text


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "承诺人的姓名"),
        ("name", "？？？", "没认出是姓名"),
        ("id_number", "", "证件号码"),
        ("id_number", "12345", "18位"),
        ("id_number", made_up(born="19900230"), "不存在"),
        ("id_number", made_up(region="990000"), "地区"),
        ("phone", "123", "11位"),
        ("consent", "", "同意"),
    ],
)
def test_each_box_is_checked(web, field, value, words):
    address, csrf = begin(web)
    answer = post(web, address, csrf, **{**GOOD, field: value})
    assert answer.status_code == 422 and words in answer.text


def test_a_draft_is_saved_and_filled_in_on_another_day_without_a_cookie(web):
    address, csrf = begin(web)
    post(web, address, csrf, do="save", name="张三", id_number=GOOD["id_number"])
    web.cookies.clear()
    html = web.get(address).text
    assert 'value="张三"' in html and "3301**********" in html and GOOD["id_number"] not in html
    answer = post(web, address, token(html), name="张三", facts=GOOD["facts"], consent="yes")
    assert answer.status_code == 303 and "承诺书已经生成" in web.get(address).text


def test_refused_consent_leaves_nothing(web):
    address, csrf = begin(web)
    answer = post(web, address, csrf, **{**GOOD, "consent": "no"})
    assert answer.status_code == 200 and "照规定去开" in answer.text
    assert "没有保留" in web.get(address).text


def test_a_guardian_is_named_in_the_facts(web):
    address, csrf = begin(web)
    post(web, address, csrf, **GOOD, guardian="yes", guardian_of="王芳")
    reference = re.search(r"CN\d{6}-\w{6}", address).group()
    held = web.app.state.casebook.pledges.get(reference)
    assert held.fields["guardian_of"] == "王芳" and held.fields["facts"].startswith(
        "本人作为王芳的法定监护人"
    )


def test_withdrawn_and_deleted_from_the_page(web):
    address, csrf = begin(web)
    post(web, address, csrf, **GOOD)
    check = next(a["href"] for a in Page(web.get(address).text).all("a") if "?c=" in a.get("href", ""))
    assert "已经撤回" in web.post(address, data={"csrf": csrf, "do": "withdraw"}).text
    assert "已经撤回，不能再用" in web.get(check).text
    assert "已经删除" in web.post(address, data={"csrf": csrf, "do": "delete"}).text
    assert "没有保留" in web.get(address).text


def test_nobody_else_sees_or_changes_it(web):
    address, csrf = begin(web)
    post(web, address, csrf, **GOOD)
    reference = address.partition("?")[0]
    letter = reference.replace("/pledge/", "/letters/") + "/letter.pdf"
    web.cookies.clear()
    for there in (reference, reference + "?key=", reference + "?key=wrong", "/pledge/CN261123-AAAAAA"):
        answer = web.get(there)
        assert answer.status_code == 404 and "张三" not in answer.text
    assert web.get(letter).status_code == 404 and web.get(letter + "?key=x").status_code == 404
    assert web.post(reference, data={"csrf": csrf, "do": "delete"}).status_code == 403
    assert web.post(reference, data={"do": "delete"}).status_code == 404
    assert web.get(reference.replace("/pledge/", "/letters/") + "?c=AAAAAAAAAAAA").status_code == 404


def test_a_post_from_elsewhere_is_refused(web):
    address, csrf = begin(web)
    assert web.post(address, data={"csrf": "", "do": "submit", **GOOD}).status_code == 403
    assert web.post(address, data={"csrf": "x", "do": "submit", **GOOD}).status_code == 403
    site = {"sec-fetch-site": "cross-site"}
    assert web.post(address, data={"csrf": csrf, "do": "submit", **GOOD}, headers=site).status_code == 403
    assert web.post(f"/pledge/new/{ROW}", headers=site).status_code == 403
    assert "承诺书已经生成" not in web.get(address).text


def test_a_requirement_without_a_pledge_has_no_form(web):
    assert web.get("/pledge/new/F274").status_code == 409 and web.post("/pledge/new/F274").status_code == 409
    assert web.get("/pledge/new/F999").status_code == 404


def test_two_posts_make_one_letter(web):
    address, csrf = begin(web)
    assert post(web, address, csrf, **GOOD).status_code == 303
    assert post(web, address, csrf, **GOOD).status_code == 409
    assert web.get(address).text.count("letter.pdf?key=") == 1


def test_what_is_typed_stays_text(web):
    address, csrf = begin(web)
    answer = post(
        web, address, csrf, **{**GOOD, "name": "<b>张</b>", "facts": "</textarea><script>x</script>"}
    )
    assert answer.status_code == 422 and "<script>x" not in answer.text and "<b>张" not in answer.text


def test_a_form_begun_in_the_conversation_is_the_one_on_the_page(web, chat):
    reply = chat("用血直免 亲属关系证明")
    reply = chat(payload=f"pledge:{ROW}", session_id=reply["session_id"])
    reply = chat("我叫张三", session_id=reply["session_id"])
    address = reply["form"]["page_url"]
    html = web.get(address).text
    assert 'value="张三"' in html
    post(web, address, token(html), **GOOD)
    reply = chat(GOOD["id_number"], session_id=reply["session_id"])
    assert reply["form"] is None and "已经结束" in reply["replies"][0]["text"]


def test_every_word_of_the_pages_is_used():
    words = yaml.safe_load((ROOT / "connectors" / "words.yml").read_text(encoding="utf-8"))["pledge_pages"]
    sources = [*(ROOT / "connectors" / "templates").glob("*.html"), ROOT / "connectors" / "pledge_pages.py"]
    text = "\n".join(p.read_text(encoding="utf-8") for p in sources)
    assert not [k for k in words if f"w.{k}" not in text and f'["{k}"]' not in text]


def test_an_excluded_field_is_told_on_the_page_with_what_to_do_instead(web):
    for answer in (web.get("/pledge/new/F162"), web.post("/pledge/new/F162")):
        assert answer.status_code == 409
        for words in ("直接涉及公共安全", "待核实", "改革规定》第十四条", "照规定去开"):
            assert words in answer.text
    plain = web.get("/pledge/new/F274")
    assert plain.status_code == 409 and "不能用告知承诺代替" in plain.text
