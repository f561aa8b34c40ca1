"""The page for a report's photo: by its link only, whole without a script, hostile files refused in words."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
import yaml
from PIL import Image

from bot.casebook.photo import MOST_BYTES

from ..bot.casebook.test_demand_reports import photo_of
from ..support import ROOT
from .test_page import Page
from .test_paths import Talker, report


@pytest.fixture(scope="module")
def made(session_web):
    """One report for all: its reference, and the address of its page."""
    talk = Talker(session_web)
    reference = report(talk, office="某某镇小张村村委会")
    return reference, talk.reply["form"]["photo_url"]


def token(web, address):
    return next(i["value"] for i in Page(web.get(address).text).all("input") if i.get("name") == "csrf")


def send(web, address, data, name="photo.jpg", kind="image/jpeg", **fields):
    form = {"csrf": fields.pop("csrf", None) or token(web, address), "do": "add", **fields}
    return web.post(address, data=form, files={"photo": (name, data, kind)})


def kept(web, reference):
    return web.app.state.casebook.reports.photo(reference, "tester")


def test_the_end_of_a_report_gives_the_link_and_the_page_works_without_a_script(web, made):
    reference, address = made
    page = web.get(address)
    assert page.status_code == 200 and reference in page.text and "可以不加" in page.text
    assert "<script" not in page.text and page.headers["cache-control"] == "no-store"
    answer = send(web, address, photo_of((2000, 1000)))
    assert answer.status_code == 303 and answer.headers["location"] == address
    assert "照片已经加上了" in web.get(address).text
    picture = kept(web, reference)
    assert picture.startswith(b"\xff\xd8") and b"SecretCamera" not in picture and b"GPS" not in picture
    gone = web.post(address, data={"csrf": token(web, address), "do": "drop"}, files={"x": ("", b"")})
    assert gone.status_code == 303 and kept(web, reference) is None


def test_only_who_holds_the_link_may_come(web, made):
    reference, address = made
    for other in (address.partition("?")[0], address[:-1], "/reports/JB261123-AAAAAA/photo?key=x"):
        assert web.get(other).status_code == 404
        assert web.post(other, files={"photo": ("a.jpg", photo_of(), "image/jpeg")}).status_code == 404
    for wrong in ("x", "0" * 40, "不是"):
        refused = send(web, address, photo_of(), csrf=wrong)
        assert refused.status_code == 403 and "再按一次" in refused.text
    site = {"sec-fetch-site": "cross-site"}
    crossed = web.post(address, files={"photo": ("a.jpg", photo_of())}, headers=site)
    assert crossed.status_code == 403 and kept(web, reference) is None


def bomb():
    """A PNG of 100,000 × 100,000 black pixels in a few bytes."""

    def chunk(name, data):
        return (
            struct.pack(">I", len(data))
            + name
            + data
            + struct.pack(">I", zlib.crc32(name + data) & 0xFFFFFFFF)
        )

    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100_000)) + chunk(b"IEND", b"")  # fmt: skip


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "不是能打开的"),
        (b"%PDF-1.7\n", "不是能打开的"),
        (b"GIF89a" + b"\0" * 200, "不是能打开的"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 500, "不是能打开的"),
        (photo_of((600, 600))[:900], "不是能打开的"),
        (bomb(), "照片太大了"),
        (b"\xff\xd8" + b"\0" * (MOST_BYTES + 1), "照片太大了"),
        (b"", "没有收到照片"),
    ],
    ids=["svg", "pdf", "gif", "broken", "cut", "bomb", "8 MB and one", "empty"],
)
def test_a_hostile_file_is_refused_in_words(web, made, data, words):
    reference, address = made
    answer = send(web, address, data)
    assert answer.status_code == 422 and words in answer.text and "csrf" in answer.text
    assert kept(web, reference) is None


def test_what_hangs_behind_a_picture_goes(web, made):
    reference, address = made
    polyglot = photo_of((80, 60)) + b"<script>alert(1)</script>PK\x03\x04 the rest of an archive"
    assert send(web, address, polyglot, name="a.html", kind="text/html").status_code == 303
    picture = kept(web, reference)
    assert b"script" not in picture and b"PK\x03\x04" not in picture
    with Image.open(io.BytesIO(picture)) as drawn:
        assert drawn.format == "JPEG"
    web.app.state.casebook.reports.drop_photo(reference)


def test_fifty_megabytes_are_not_read(web, made):
    _, address = made
    headers = {"content-type": "multipart/form-data; boundary=x", "content-length": str(50 * 1024 * 1024)}
    answer = web.post(address, content=b"--x", headers=headers)
    assert answer.status_code == 413 and "照片太大了" in answer.text
    plain = web.post(address, data={"csrf": "x"})
    assert plain.status_code == 422 and "没有收到照片" in plain.text
    broken = {"content-type": "multipart/form-data; boundary=x"}
    assert web.post(address, content=b"\0\xff not a form", headers=broken).status_code in (403, 422)


def test_after_the_end_there_is_nothing_to_add(web):
    talk = Talker(web)
    reference = report(talk, office="某某镇小赵村村委会")
    address = talk.reply["form"]["photo_url"]
    csrf = token(web, address)
    web.app.state.casebook.reports.close(reference, "corrected", "", "tester")
    assert "不能再改照片" in web.get(address).text
    assert send(web, address, photo_of(), csrf=csrf).status_code == 409


def test_every_word_of_the_page_is_used():
    words = yaml.safe_load((ROOT / "connectors" / "words.yml").read_text(encoding="utf-8"))["report_pages"]
    files = [ROOT / "connectors" / "report_pages.py", *(ROOT / "connectors" / "templates").glob("*.html")]
    text = "\n".join(f.read_text(encoding="utf-8") for f in files)
    made_up = {"photo_too_long", "photo_bad_value"}  # put together from a CaseError's code
    assert made_up <= set(words)
    assert not [k for k in words if k not in made_up and f"w.{k}" not in text and f'["{k}"]' not in text]
