"""The pledge letter (承诺书) as PDF and DOCX, with the Chinese font inside, a number, a date, a hash and a QR code."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import logging
import re
import tempfile
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, time, timezone
from pathlib import Path
from typing import Any

import segno
import yaml

GETA = "〓"  # printers' mark for a character that the font does not have
FONT = "Noto Sans SC"
_GREY = (90, 98, 110)
_LINE = (205, 210, 216)
_BLUE = (20, 60, 120)
_NEVER_FIRST = "，。；：、！？）》〉」』】〕”’…%"
_NEVER_LAST = "（《〈「『【〔“‘"
_PIECES = re.compile(r"[0-9A-Za-z.,:/_+-]+|.", re.DOTALL)


@dataclass(frozen=True)
class LetterContent:
    """All that a letter says. Its hash is over every field, in one fixed form."""

    reference: str
    issued_on: date
    requirement: dict[str, Any]
    notice: dict[str, Any]
    fields: dict[str, str] = field(repr=False)

    @property
    def canonical(self) -> bytes:
        """The content as JSON with sorted keys, UTF-8, no spaces."""
        plain = {**asdict(self), "issued_on": self.issued_on.isoformat()}
        return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical content, in hex."""
        return hashlib.sha256(self.canonical).hexdigest()


@dataclass(frozen=True)
class DrawnLetter:
    """The two files of a letter."""

    pdf: bytes = field(repr=False)
    docx: bytes = field(repr=False)


@dataclass(frozen=True)
class _Section:
    """A heading, and below it labelled lines, paragraphs, or both."""

    title: str
    lines: list[tuple[str, str]] = field(default_factory=list)
    paragraphs: list[str] = field(default_factory=list)


def draw_letter(content: LetterContent, address: str) -> DrawnLetter:
    """Return the letter as PDF and DOCX; its QR code holds `address`. Takes about a second."""
    # They name characters of the letter in their warnings, and a letter is personal.
    for name in ("fpdf", "fontTools"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    sections, missing = _sections(content)
    qr = io.BytesIO()
    segno.make(address, error="m").save(qr, kind="png", scale=8, border=2)
    page = _Page(content, sections, missing, qr.getvalue())
    font = _small_font("".join(page.texts()))
    return DrawnLetter(_pdf(page, font), _docx(page, font))


@dataclass(frozen=True)
class _Page:
    """What both files show."""

    content: LetterContent
    sections: list[_Section]
    missing: str
    qr: bytes

    @property
    def title(self) -> str:
        return _words()["title"]

    @property
    def date(self) -> str:
        day = self.content.issued_on
        return _words()["date_format"].format(year=day.year, month=day.month, day=day.day)

    @property
    def head(self) -> str:
        words = _words()
        number = words["number"].format(reference=self.content.reference)
        return number + "　　" + words["date"].format(date=self.date)

    @property
    def signature(self) -> list[str]:
        words, name = _words(), _shown(self.content.fields.get("name", ""))[0]
        return [words["signature"].format(name=name), self.date, words["signed"]]

    @property
    def foot(self) -> list[str]:
        words = _words()
        lines = [words["check"], words["hash"].format(hash=self.content.hash)]
        return [*lines, words["missing"].format(codes=self.missing)] if self.missing else lines

    def texts(self) -> Iterator[str]:
        yield from (self.title, self.head, *self.signature, *self.foot, "0123456789/ ")
        for section in self.sections:
            yield from (section.title, *section.paragraphs)
            for label, text in section.lines:
                yield from (label, text)


@functools.lru_cache(maxsize=1)
def _words() -> dict[str, Any]:
    return yaml.safe_load(Path(__file__).with_name("data").joinpath("letter.yml").read_text(encoding="utf-8"))


def _sections(content: LetterContent) -> tuple[list[_Section], str]:
    """Return the letter's sections, and which characters the font does not have, as code points."""
    words, row, given = _words(), content.requirement, content.fields
    labels, empty = words["labels"], words["empty"]
    matter = [
        (labels["matter"], row.get("matter") or empty),
        (labels["proof"], row.get("proof") or empty),
        (labels["authority"], row.get("demanding_authority") or empty),
        (labels["region"], row.get("region") or empty),
        (labels["legal_basis"], row.get("legal_basis") or empty),
    ]
    kind = words["id_kinds"].get(given.get("id_kind", ""), words["id_kinds"][""])
    person = [
        (labels["name"], given.get("name", "")),
        (labels["id_number"].format(kind=kind), given.get("id_number", "")),
    ]
    person += [(labels[n], given[n]) for n in ("phone", "guardian_of") if given.get(n)]
    person.append((labels["public"], words["public"][given.get("public", "no")]))
    declared = words["statements"]
    statements = [
        f"{number}. {text}{words['unverified_mark'] if number - 1 in declared['unverified'] else ''}"
        for number, text in enumerate(declared["items"], 1)
    ]
    titles = words["sections"]
    raw = [
        _Section(titles["matter"], matter),
        _Section(titles["notice"], [(e["title"], e["text"]) for e in content.notice.get("elements", [])]),
        _Section(titles["person"], person),
        _Section(titles["facts"], paragraphs=given.get("facts", "").splitlines()),
        _Section(titles["statements"], paragraphs=statements),
    ]
    lost: dict[str, None] = {}

    def shown(text: str) -> str:
        clean, missing = _shown(text)
        lost.update(dict.fromkeys(missing))
        return clean

    sections = [
        _Section(s.title, [(shown(a), shown(b)) for a, b in s.lines], [shown(p) for p in s.paragraphs])
        for s in raw
    ]
    return sections, "、".join(lost)


def _shown(text: str) -> tuple[str, list[str]]:
    """Return a text as the font can show it, and the code points that it cannot."""
    kept, lost = [], []
    for char in text:
        if char == "\t":
            kept.append(" ")
        elif unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Mn", "Me"):
            continue
        elif ord(char) in _characters():
            kept.append(char)
        else:
            kept.append(GETA)
            lost.append(f"U+{ord(char):04X}")
    return "".join(kept), lost


def _font_path() -> Path:
    import pylopdf_fonts_zh_cn

    return Path(pylopdf_fonts_zh_cn.sans_path())


@functools.lru_cache(maxsize=1)
def _characters() -> frozenset[int]:
    from fontTools.ttLib import TTFont

    with TTFont(_font_path(), lazy=True) as font:
        return frozenset(font.getBestCmap())


def _pdf(page: _Page, font: bytes) -> bytes:
    from fpdf import FPDF

    class Sheet(FPDF):
        def footer(self) -> None:
            self.set_y(-14)
            self.set_font("letter", size=8)
            self.set_text_color(*_GREY)
            number = _words()["page"].format(number=self.page_no(), total="{nb}")
            self.cell(0, 5, f"{page.content.reference}　{number}", align="C")

        def write_lines(
            self,
            text: str,
            left: float,
            height: float,
            align: str = "L",
            colour: tuple[int, int, int] = (0, 0, 0),
        ) -> None:
            """Write a paragraph that begins `left` millimetres from the margin, then go to the next line."""
            self.set_text_color(*colour)
            for line in _wrapped(text, self.epw - left, self.get_string_width):
                if self.will_page_break(height):
                    self.add_page()
                self.set_x(self.l_margin + left)
                self.cell(self.epw - left, height, line, align=align)
                self.ln(height)

        def rule(self) -> None:
            self.set_draw_color(*_LINE)
            self.line(self.l_margin, self.get_y(), self.l_margin + self.epw, self.get_y())

    sheet = Sheet(format="A4")
    with tempfile.NamedTemporaryFile(suffix=".ttf") as file:
        file.write(font)
        file.flush()
        sheet.add_font("letter", fname=file.name)
    sheet.set_title(f"{page.title} {page.content.reference}")
    sheet.set_lang("zh-CN")
    sheet.set_creation_date(datetime.combine(page.content.issued_on, time(), timezone.utc))
    sheet.set_margins(20, 18, 20)
    sheet.set_auto_page_break(True, margin=20)
    sheet.add_page()
    sheet.set_font("letter", size=20)
    sheet.write_lines(page.title, 0, 12, "C")
    sheet.set_font("letter", size=10)
    sheet.write_lines(page.head, 0, 7, "C", _GREY)
    sheet.ln(2)
    sheet.rule()
    for section in page.sections:
        if sheet.will_page_break(30):
            sheet.add_page()
        sheet.ln(3)
        sheet.set_font("letter", size=12.5)
        sheet.write_lines(section.title, 0, 8, colour=_BLUE)
        sheet.set_font("letter", size=10)
        for label, text in section.lines:
            _labelled(sheet, label, text)
        for text in section.paragraphs:
            sheet.write_lines(text, 0, 5.8)
    if sheet.will_page_break(66):
        sheet.add_page()
    sheet.ln(5)
    for text in page.signature:
        sheet.write_lines(text, 0, 6.2, "R")
    sheet.ln(2)
    sheet.rule()
    sheet.ln(3)
    side = 28
    sheet.image(io.BytesIO(page.qr), sheet.l_margin, sheet.get_y(), side, side)
    sheet.set_font("letter", size=8)
    sheet.ln(4)
    for text in page.foot:
        sheet.write_lines(text, side + 4, 5, colour=_GREY)
    return bytes(sheet.output())


def _labelled(sheet: Any, label: str, text: str) -> None:
    """Write a label and beside it the text; a label is never alone at the foot of a page."""
    if sheet.will_page_break(12):
        sheet.add_page()
    at, on = sheet.get_y(), sheet.page_no()
    column = 38
    lines = _wrapped(label, column - 3, sheet.get_string_width)
    sheet.set_text_color(*_GREY)
    for number, line in enumerate(lines):
        sheet.set_xy(sheet.l_margin, at + number * 5.4)
        sheet.cell(column - 3, 5.4, line)
    sheet.set_y(at)
    sheet.write_lines(text, column, 5.4)
    if sheet.page_no() == on:
        sheet.set_y(max(sheet.get_y(), at + len(lines) * 5.4))
    sheet.ln(0.8)


def _wrapped(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """Return a text's lines: broken between Chinese characters, never within a word or number, no line begun with a mark."""
    lines, line = [], ""
    for piece in _PIECES.findall(text):
        if line and measure(line + piece) > width and piece[0] not in _NEVER_FIRST:
            keep = len(line.rstrip(_NEVER_LAST))
            line, carried = (line[:keep], line[keep:]) if keep else (line, "")
            lines.append(line)
            line = carried
        while len(piece) > 1 and measure(line + piece) > width:
            fits = next(
                n for n in range(len(piece) - 1, 0, -1) if n == 1 or measure(line + piece[:n]) <= width
            )
            lines.append(line + piece[:fits])
            line, piece = "", piece[fits:]
        line += piece
    return [*lines, line]


def _docx(page: _Page, font: bytes) -> bytes:
    from docx import Document
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.oxml.ns import qn
    from docx.shared import Mm, Pt, RGBColor

    paper = Document()
    sheet = paper.sections[0]
    sheet.page_width, sheet.page_height = Mm(210), Mm(297)
    sheet.left_margin = sheet.right_margin = Mm(20)
    sheet.top_margin = sheet.bottom_margin = Mm(18)
    normal = paper.styles["Normal"]
    normal.font.name, normal.font.size = FONT, Pt(10.5)
    normal.element.rPr.rFonts.set(qn("w:eastAsia"), FONT)
    normal.paragraph_format.space_after = Pt(2)
    centre, right = WD_ALIGN_PARAGRAPH.CENTER, WD_ALIGN_PARAGRAPH.RIGHT

    def write(text: str, size: float = 10.5, colour: tuple[int, int, int] = (0, 0, 0), **look: Any) -> None:
        paragraph: Any = paper.add_paragraph()
        paragraph.alignment = look.get("align")
        paragraph.paragraph_format.left_indent = Mm(look.get("indent", 0))
        paragraph.paragraph_format.keep_with_next = look.get("with_next", False)
        paragraph.paragraph_format.space_before = Pt(look.get("before", 0))
        run = paragraph.add_run(text)
        run.font.size, run.font.color.rgb = Pt(size), RGBColor(*colour)

    write(page.title, 20, align=centre)
    write(page.head, 10, _GREY, align=centre)
    for section in page.sections:
        write(section.title, 12.5, _BLUE, before=8, with_next=True)
        for label, text in section.lines:
            write(label, 10.5, _GREY, with_next=True)
            write(text, indent=5)
        for text in section.paragraphs:
            write(text, indent=5)
    for number, text in enumerate(page.signature):
        write(text, align=right, before=0 if number else 12)
    paper.add_picture(io.BytesIO(page.qr), width=Mm(28))
    for text in page.foot:
        write(text, 8.5, _GREY)
    paper.core_properties.title = f"{page.title} {page.content.reference}"
    paper.core_properties.author = ""
    paper.core_properties.language = "zh-CN"
    _embed_font(paper, font)
    kept = io.BytesIO()
    paper.save(kept)
    return kept.getvalue()


def _small_font(text: str) -> bytes:
    """Return the font cut down to the characters of `text`, with TrueType outlines: Word embeds no others."""
    from fontTools import subset
    from fontTools.pens.cu2quPen import Cu2QuPen
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from fontTools.ttLib import TTFont, newTable

    options = subset.Options(layout_features=[], hinting=False, notdef_outline=True, name_IDs=["*"])
    options.drop_tables += ["VORG", "vhea", "vmtx", "BASE"]
    font = TTFont(_font_path())
    cutter = subset.Subsetter(options)
    cutter.populate(text=text)
    cutter.subset(font)
    glyphs, order = font.getGlyphSet(), font.getGlyphOrder()
    outlines = {}
    for name in order:
        pen = TTGlyphPen(None)
        glyphs[name].draw(Cu2QuPen(pen, max_err=1.0, reverse_direction=True))
        outlines[name] = pen.glyph()
    font["loca"] = newTable("loca")
    font["glyf"] = newTable("glyf")
    font["glyf"].glyphOrder, font["glyf"].glyphs = order, outlines
    del font["CFF "]
    font["maxp"].tableVersion = 0x00010000
    for name in ("maxZones", "maxTwilightPoints", "maxStorage", "maxFunctionDefs", "maxInstructionDefs",
                 "maxStackElements", "maxSizeOfInstructions"):  # fmt: skip
        setattr(font["maxp"], name, 1 if name == "maxZones" else 0)
    font["post"].formatType = 3.0
    font.sfntVersion = "\x00\x01\x00\x00"
    kept = io.BytesIO()
    font.save(kept)
    return kept.getvalue()


def _embed_font(paper: Any, font: bytes) -> None:
    """Put a font into a DOCX, obfuscated with a key as ECMA-376 part 4, 2.8.1 wants it."""
    from docx.opc.constants import RELATIONSHIP_TYPE as RT
    from docx.opc.packuri import PackURI
    from docx.opc.part import Part
    from docx.oxml import OxmlElement

    key = uuid.uuid4()
    mask = key.bytes[::-1]
    hidden = bytes(b ^ mask[i % 16] for i, b in enumerate(font[:32])) + font[32:]
    part = Part(
        PackURI("/word/fonts/font1.odttf"),
        "application/vnd.openxmlformats-officedocument.obfuscatedFont",
        hidden,
        paper.part.package,
    )
    table = paper.part.part_related_by(RT.FONT_TABLE)
    relation = table.relate_to(
        part, "http://schemas.openxmlformats.org/officeDocument/2006/relationships/font"
    )
    entry = (
        f'<w:font w:name="{FONT}"><w:charset w:val="86"/><w:family w:val="swiss"/>'
        f'<w:embedRegular r:id="{relation}" w:fontKey="{{{str(key).upper()}}}"/></w:font></w:fonts>'
    )
    table._blob = table.blob.replace(b"</w:fonts>", entry.encode())
    settings = paper.settings.element
    for number, name in enumerate(("w:embedTrueTypeFonts", "w:saveSubsetFonts")):
        settings.insert(1 + number, OxmlElement(name))
