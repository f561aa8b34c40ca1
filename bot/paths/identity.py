"""Reads names, identity numbers and telephone numbers from what citizens type, and says why a number is wrong."""

from __future__ import annotations

import datetime
import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from stdnum import numdb
from stdnum.cn import ric

from proof_catalogue.text import clean, cutter, simplify

# What people write or say for the digits of a number, read out one by one; 幺 and 洞 are said for 1 and 0.
_SPOKEN = str.maketrans("零〇○一二三四五六七八九幺洞两壹贰叁肆伍陆柒捌玖", "000123456789102123456789")
_GAP = r"[ \-–—.·_]{0,3}"
_DIGITS = "零〇○一二三四五六七八九幺洞两壹贰叁肆伍陆柒捌玖"
_RUN = re.compile(rf"\d(?:{_GAP}[\dXx×✕叉]){{5,40}}|[{_DIGITS}](?:{_GAP}[{_DIGITS}Xx×✕叉]){{9,40}}")
_PASSPORT = re.compile(
    r"(?<![A-Za-z0-9])(?:[EeGgDdSsPp][A-Za-z]?\d{7,8}|[A-Za-z]{1,2}\d{6,9})(?![A-Za-z0-9])"
)
_PHONE = re.compile(rf"(?<!\d)(?:\+?86{_GAP})?(1[3-9](?:{_GAP}\d){{9}})(?!\d)")
_OLDEST = 125  # years; nobody older asks for a proof
# Regions of the residence permits for people of Hong Kong, Macao and Taiwan, whose numbers follow the same standard.
_PERMITS = ("810000", "820000", "830000")


class NotAnIdentity(Exception):
    """A number that cannot be right; `reason` is length, characters, date, future, region, check_digit or first_generation."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Identity:
    """A number that may be right: its kind (id_card, residence_permit, passport) and its canonical form."""

    kind: str
    number: str


def _plain(text: str) -> str:
    return simplify(clean(text))


def find_phone(text: str) -> str | None:
    """Return the mobile number in `text`, eleven digits, or None."""
    match = _PHONE.search(_plain(text))
    return re.sub(r"\D", "", match.group(1)) if match else None


def find_number(text: str) -> tuple[str, str] | None:
    """Return what in `text` looks like a document's number and `text` without it, or None.

    Spaces, dashes, full-width digits and digits read out in Chinese are understood. A mobile number is not one.
    """
    plain = _plain(text)
    passport = _PASSPORT.search(plain)
    if passport and not _RUN.search(plain[: passport.start()]):
        return passport.group().upper(), plain[: passport.start()] + " " + plain[passport.end() :]
    for match in _RUN.finditer(plain):
        number = re.sub(r"[×✕叉x]", "X", re.sub(_GAP, "", match.group()).translate(_SPOKEN))
        if re.fullmatch(r"(?:86)?1[3-9]\d{9}", number):
            continue
        return number, plain[: match.start()] + " " + plain[match.end() :]
    return None


def read_identity(number: str, today: datetime.date | None = None) -> Identity:
    """Return the identity of `number` (an ID card, a residence permit or a passport). Raises NotAnIdentity.

    Source: GB 11643-1999 for the form and the check digit; GB/T 2260 with its history for the regions.
    """
    number = re.sub(r"[\s\-–—.·_,，、]", "", clean(number)).upper()
    if re.fullmatch(r"[A-Z]{1,2}\d{6,9}", number):
        return Identity("passport", number)
    if not re.fullmatch(r"\d+X?", number):
        raise NotAnIdentity("characters")
    if len(number) == 15:
        raise NotAnIdentity("first_generation")
    if len(number) != 18:
        raise NotAnIdentity("length")
    try:
        born = ric.get_birth_date(number)
    except ValueError:
        raise NotAnIdentity("date") from None
    today = today or datetime.date.today()
    if born > today:
        raise NotAnIdentity("future")
    if today.year - born.year > _OLDEST:
        raise NotAnIdentity("date")
    permit = number[:6] in _PERMITS
    # Not ric.validate: it wants the county to have had its code in the year of birth, and codes were given later.
    if not permit and not any("county" in found for _, found in numdb.get("cn/loc").info(number[:6])):
        raise NotAnIdentity("region")
    if number[-1] != ric.calc_check_digit(number):
        raise NotAnIdentity("check_digit")
    return Identity("residence_permit" if permit else "id_card", number)


def hide_number(number: str) -> str:
    """Return `number` with only its first and last four signs left (of short ones two): 3301**********0003."""
    kept = 4 if len(number) >= 12 else 2
    return number[:kept] + "*" * (len(number) - 2 * kept) + number[-kept:]


def hide_name(name: str) -> str:
    """Return `name` with only its first character left: 张*."""
    return name[:1] + "*" * (len(name) - 1)


@functools.lru_cache(maxsize=1)
def _names() -> dict[str, Any]:
    held = yaml.safe_load(Path(__file__).with_name("names.yml").read_text(encoding="utf-8"))
    return {
        "surnames": frozenset(re.sub(r"\s", "", held["surnames"])),
        "compound": tuple(held["compound"]),
        "not": frozenset(held["not_names"]),
    }


_SAID = re.compile(
    r"^(?:那|嗯|好的?|就|您好|你好|不是的?|错了|哦|噢|额|呃)?[,，。:： ]*"
    r"(?:(?:我|本人|申请人|承诺人|当事人|户主)?的?(?:真实|正确)?(?:姓名|名字|大名|全名|名称)?"
    r"(?:应该是|应该叫|应是|应为|写|填|改成|改为|是|叫做|叫|为|就叫|就是|[:：])|(?:姓名|名字|本人|我叫|俺叫|我是|改成|改为|换成|应该是|应该叫|叫))[ ,，:：]*"
)
_TAIL = re.compile(
    r"(?:[,，。.!！~～;；、 ]+|(?:吧|呀|啊|哦|噢|嘛|哈|呢|喽|咯|嘞|哎|的|谢谢|才对|才是对的|本人|先生|女士))+$"
)
_SURE = re.compile(r"叫|姓名|名字|大名|全名")
_EDGES = " ,，。.!！~～;；、\"'“”‘’「」"
_HAN = r"[㐀-䶿一-鿿𠀀-𪛟]"
_FULL = re.compile(rf"{_HAN}{{2,4}}|{_HAN}{{1,10}}(?:[·•・.]{_HAN}{{1,10}}){{1,4}}")
_LATIN = re.compile(r"[A-Za-z][A-Za-z.'\-]*(?: [A-Za-z][A-Za-z.'\-]*){1,4}")


def read_name(text: str) -> str | None:
    """Return the name of a person that `text` gives, or None where it may be something else.

    After words such as 我叫 any form of name counts; alone only what begins with a known surname and is no common word.
    """
    typed = clean(text)
    plain = simplify(typed)
    said = _SAID.match(plain)
    start = said.end() if said else len(plain) - len(plain.lstrip(_EDGES))
    rest = plain[start:].lstrip(_EDGES)
    start = len(plain) - len(rest)
    if not rest or re.search(r"[?？]", rest):
        return None
    rest = _TAIL.sub("", rest).rstrip(_EDGES)
    if not _LATIN.fullmatch(rest):
        rest = re.split(r"[,，。;； ]", rest)[0]
    given = typed[start : start + len(rest)]  # as written: a name keeps its traditional characters
    if _LATIN.fullmatch(rest):
        return given if said or rest[0].isupper() else None
    if re.search(r"[·•・.]", rest):
        return re.sub(r"[•・.]", "·", given) if _FULL.fullmatch(rest) else None
    if not _FULL.fullmatch(rest) or rest in _names()["not"]:
        return None
    sure = bool(said and _SURE.search(said.group()))
    named = _begins_with_a_surname(rest) and not _common(rest)
    return given if named or (sure and len(rest) <= 4 and rest not in _tags()) else None


def _begins_with_a_surname(word: str) -> bool:
    held = _names()
    if word.startswith(held["compound"]):
        return 3 <= len(word) <= 4
    # Four characters are a name only if both parents' surnames lead: 陈李佳佳.
    return word[0] in held["surnames"] and (len(word) <= 3 or word[1] in held["surnames"])


def _common(word: str) -> bool:
    """Return whether `word` is, or begins with, a word of everyday language and not of names."""
    if word.startswith(tuple(_names()["not"])):
        return True
    tags = _tags()
    tag = tags.get(word)
    if tag is not None:
        return not tag.startswith("nr")
    head = tags.get(word[:2], "nr")
    return len(word) > 2 and not head.startswith("nr") and not word.startswith(_names()["compound"])


@functools.lru_cache(maxsize=1)
def _tags() -> dict[str, str]:
    cutter()
    import jieba.posseg

    jieba.posseg.initialize()
    return jieba.posseg.dt.word_tag_tab
