"""The letter: its files opened, read and rendered; its words; its QR code."""

from __future__ import annotations

import dataclasses
import datetime
import io
import logging
import re
import shutil
import subprocess
import zipfile

import pytest
import yaml
import zxingcpp
from docx import Document
from fontTools.ttLib import TTFont
from PIL import Image

from bot.casebook.pledges import FIELDS
from bot.paths.letter import GETA, LetterContent, _wrapped, draw_letter

from ...support import ROOT

ADDRESS = "https://example.zj/letters/CN261123-7K3QX9?c=ABCDEFGH2345"
CONTENT = LetterContent(
    reference="CN261123-7K3QX9",
    issued_on=datetime.date(2026, 11, 23),
    requirement={
        "id": "F169",
        "proof": "亲属关系证明（用血费用减免）",
        "matter": "献血者亲属申请减免用血费用（用血直免）",
        "region": "浙江省",
        "demanding_authority": "医疗机构",
        "legal_basis": "《浙江省实施〈献血法〉办法》第十八、十九条",
    },
    notice={
        "version": "2026-11",
        "elements": [
            {"title": f"第{n}项告知", "text": "行政机关有权核查所承诺的内容，" * 8} for n in range(1, 8)
        ],
    },
    fields={
        "name": "欧阳小燕",
        "id_kind": "id_card",
        "id_number": "330106199003070071",
        "facts": "本人与献血者李四系夫妻关系。\n以上属实。",
        "phone": "13900001234",
        "public": "no",
    },
)


@pytest.fixture(scope="module")
def drawn():
    return draw_letter(CONTENT, ADDRESS)


def rendered(pdf, folder):
    """Return a PDF's pages as pictures, drawn by poppler in `folder`."""
    if not shutil.which("pdftoppm"):
        pytest.fail("pdftoppm is not installed; run tests/install.sh tools")
    (folder / "letter.pdf").write_bytes(pdf)
    subprocess.run(["pdftoppm", "-r", "150", "-png", "letter.pdf", "page"], cwd=folder, check=True)
    return [Image.open(p).convert("L") for p in sorted(folder.glob("page*.png"))]


def codes_of(pages):
    """Return what the QR codes on the pages hold."""
    return [code.text for page in pages for code in zxingcpp.read_barcodes(page)]


@pytest.fixture(scope="module")
def pages(drawn, tmp_path_factory):
    """The PDF's pages as pictures."""
    return rendered(drawn.pdf, tmp_path_factory.mktemp("pdf"))


def pdf_text(pdf):
    found = subprocess.run(["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True)
    return found.stdout.decode()


def flat(text):
    return re.sub(r"\s", "", text)


def test_the_pdf_says_everything(drawn):
    text = flat(pdf_text(drawn.pdf))
    words = [
        *CONTENT.requirement.values(),
        *CONTENT.fields["facts"].splitlines(),
        CONTENT.hash,
        CONTENT.reference,
    ]
    words += [e["title"] for e in CONTENT.notice["elements"]]
    words += [
        "证明事项告知承诺书",
        "欧阳小燕",
        "330106199003070071",
        "居民身份证号码",
        "13900001234",
        "2026年11月23日",
    ]
    words += ["愿意承担不实承诺的法律责任", "不公开"]
    for word in words:
        assert word in ("F169",) or flat(word) in text, word


def test_the_docx_says_the_same(drawn):
    paper = Document(io.BytesIO(drawn.docx))
    text = flat("".join(p.text for p in paper.paragraphs))
    for word in (
        "证明事项告知承诺书",
        "欧阳小燕",
        "330106199003070071",
        "以上属实。",
        "愿意接受行政机关的核查",
        CONTENT.hash,
    ):
        assert word in text, word
    assert len(paper.inline_shapes) == 1


def test_the_rendered_page_has_ink_where_the_words_are(pages):
    first = pages[0]
    title = first.crop(
        (int(first.width * 0.3), int(first.height * 0.05), int(first.width * 0.7), int(first.height * 0.1))
    )
    dark = sum(value < 100 for value in title.getdata()) / (title.width * title.height)
    assert 0.03 < dark < 0.4  # characters, neither blank nor boxes filled with black
    assert min(first.crop((0, 0, first.width, 20)).getdata()) > 250  # margins stay white


def test_the_qr_code_on_paper_holds_the_address(pages):
    assert codes_of(pages) == [ADDRESS]


def test_the_font_is_inside_both_files(drawn):
    fonts = subprocess.run(
        ["pdffonts", "-"], input=drawn.pdf, capture_output=True, check=True
    ).stdout.decode()
    lines = fonts.splitlines()[2:]
    assert len(lines) == 1 and re.search(r"NotoSansSC\s+CID TrueType\s+Identity-H\s+yes yes yes", lines[0])
    with zipfile.ZipFile(io.BytesIO(drawn.docx)) as parts:
        table = parts.read("word/fontTable.xml").decode()
        key = re.search(r'w:name="Noto Sans SC".*?w:fontKey="\{([0-9A-F-]{36})\}"', table)
        hidden = parts.read("word/fonts/font1.odttf")
        assert b"embedTrueTypeFonts" in parts.read("word/settings.xml")
        assert b"obfuscatedFont" in parts.read("[Content_Types].xml")
    mask = bytes.fromhex(key[1].replace("-", ""))[::-1]
    shown = bytes(b ^ mask[i % 16] for i, b in enumerate(hidden[:32])) + hidden[32:]
    font = TTFont(io.BytesIO(shown))
    assert {ord(c) for c in "证明承诺欧阳0X"} <= set(font.getBestCmap()) and "glyf" in font
    assert len(font.getBestCmap()) < 1000


def test_the_hash_is_of_everything_that_is_said():
    same = LetterContent(**{f.name: getattr(CONTENT, f.name) for f in dataclasses.fields(CONTENT)})
    assert same.hash == CONTENT.hash
    changes = [
        {"reference": "CN261123-7K3QXA"},
        {"issued_on": datetime.date(2026, 11, 24)},
        {"fields": {**CONTENT.fields, "facts": CONTENT.fields["facts"] + " "}},
        {"requirement": {**CONTENT.requirement, "matter": "别的"}},
        {"notice": {**CONTENT.notice, "version": "2026-12"}},
    ]
    hashes = {dataclasses.replace(CONTENT, **change).hash for change in changes}
    assert len(hashes) == len(changes) and CONTENT.hash not in hashes


def test_characters_that_the_font_lacks_are_named_and_nothing_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    odd = {**CONTENT.fields, "name": "王\U0002a6c5\x00\u202e燕🙂", "facts": "\x07第一行\n<b>&第二行"}
    drawn = draw_letter(dataclasses.replace(CONTENT, fields=odd), ADDRESS)
    text = flat(pdf_text(drawn.pdf))
    assert f"王{GETA}燕{GETA}" in text and "U+2A6C5、U+1F642" in text and "<b>&第二行" in text
    assert f"王{GETA}燕{GETA}" in "".join(p.text for p in Document(io.BytesIO(drawn.docx)).paragraphs)
    assert not [
        r for r in caplog.records if r.name.startswith(("fpdf", "fontTools")) and "王" in r.getMessage()
    ]
    assert "1F642" not in caplog.text and "🙂" not in caplog.text


def test_the_longest_letter_breaks_into_pages():
    long = {
        **CONTENT.fields,
        "name": "长" * FIELDS["name"],
        "facts": "这是很长的事实，" * (FIELDS["facts"] // 8),
    }
    text = pdf_text(draw_letter(dataclasses.replace(CONTENT, fields=long), ADDRESS).pdf)
    assert text.count("\f") >= 3 and flat(text).count("这是很长的事实") >= 200
    assert re.search(r"3 ?/ ?3", text)


@pytest.mark.parametrize("kind", ["id_card", "residence_permit", "passport", ""])
def test_a_letter_with_only_what_is_needed(kind):
    least = {"name": "王", "id_number": "E12345678", "facts": "是", "id_kind": kind}
    bare = dataclasses.replace(CONTENT, fields=least, requirement={"id": "F1"}, notice={})
    assert "目录未载明" in pdf_text(draw_letter(bare, ADDRESS).pdf)


def test_lines_break_as_chinese_lines_do():
    lines = _wrapped("一二三四，五六（七）ABC12345，八九", 4, len)
    assert "".join(lines) == "一二三四，五六（七）ABC12345，八九"
    assert lines[:2] == ["一二三四，", "五六（七）"]
    assert not [x for x in lines if x[:1] in "，）" or x[-1:] == "（"]
    assert _wrapped("", 4, len) == [""] and _wrapped("A" * 10, 4, len) == ["AAAA", "AAAA", "AA"]


def test_the_words_are_there_and_carry_their_source():
    words = yaml.safe_load((ROOT / "bot/paths/data/letter.yml").read_text(encoding="utf-8"))
    assert len(words["statements"]["items"]) == 6 and words["statements"]["source"]["url"].startswith("http")
    assert words["statements"]["unverified"] == [5]
    assert set(words["id_kinds"]) == {"id_card", "residence_permit", "passport", ""}
    assert set(words["public"]) == {"yes", "no"}
