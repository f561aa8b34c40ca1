"""The region tree (GB/T 2260) and how regions are found in a sentence."""

from __future__ import annotations

import csv
import functools
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from .errors import CatalogueError

COUNTRY = "000000"
_SUFFIX = re.compile(r"(?:特别行政区|(?:[\u4e00-\u9fff]{1,4}族)*自治[区州县旗]|[省市区县旗盟]|地区)$")
SHIPPED = Path(__file__).resolve().parent.parent / "data"

# How a place is named that is not the one asked about.
_COMES_FROM = re.compile(
    r"(?:老家|户口|户籍|籍贯|祖籍|娘家|出生|生|嫁到?|从|原来|以前|早年|当年|当初)(?:是|在|于)?$"
)
_IS_FROM = re.compile(
    r"(?:的?(?:人(?!才)|籍|户口|户籍|老家|驾照|车牌)|来的?|转来|迁来|搬来|过来|回来|知青|结的?婚|离的?婚?|生的|出生|毕业|转学|当兵|服役|"
    r"(?:那边)?(?:我|的)?(?:[表堂]?[哥姐弟妹]|亲戚|朋友|同学|同事|老乡|战友)|那边说)"
)
_GOES_BACK = re.compile(r"(?:跑回|回|赶回|飞|飞往|寄到|寄往|寄回)$")
_WHOSE = re.compile(r"(?:我|咱|俺|他|她|人)$")
_GOES_TO = re.compile(r"(?:去|到|往)$")
_DONE_THERE = re.compile(r"[^,，。]{0,6}(?:办|开|领|申请|落户|买|入户|注册|上户|登记|考|缴|交)")
_IS_AT = re.compile(r"(?:在|待)$")
_STAYS = re.compile(
    r"(?:的?(?:医院|大学|学校|工地|厂里?))?(?:看病|治|就医|住院|旅游|玩|打工|上班|读|上学|念|出差|工作|养老|定居|坐|干活)"
)


@dataclass(frozen=True)
class Region:
    """A place: GB/T 2260 `code`, official `name`, `parent` code (None for the country)."""

    code: str
    name: str
    parent: str | None

    @property
    def level(self) -> str:
        """country, province, city or county."""
        if self.code == COUNTRY:
            return "country"
        if self.code.endswith("0000"):
            return "province"
        return "city" if self.code.endswith("00") else "county"


@dataclass(frozen=True)
class Former:
    """A code or name that is no longer in use and the `code` of today that it leads to.

    `old_code` is empty for a mere name; `since` is the year or day of the change; `source` says who states it; `note` says how
    a place that was divided was decided.
    """

    old_code: str
    old_name: str
    code: str
    since: str
    source: str
    note: str = ""


@dataclass(frozen=True)
class Wording:
    """How places are named in speech.

    `ordinary` short names are words of their own, `plain_at_home` those of the home province that count, `abroad` are foreign
    countries and cities as people say them.
    """

    ordinary: frozenset[str]
    plain_at_home: frozenset[str]
    abroad: tuple[str, ...] = ()


def short_name(name: str) -> str:
    """Return `name` without its administrative suffix (杭州市 → 杭州), never shorter than two characters."""
    short = _SUFFIX.sub("", name)
    return short if len(short) >= 2 else name


def read_former(path: Path) -> list[Former]:
    """Read `former_regions.csv`; none where there is no such file. Raises CatalogueError naming the line on the first fault."""
    if not path.exists():
        return []
    found: list[Former] = []
    seen: set[str] = set()
    with path.open(encoding="utf-8", newline="") as handle:
        for number, line in enumerate(csv.DictReader(handle), 2):
            where = f"{path.name}, line {number}"
            try:
                former = Former(**{k: (v or "").strip() for k, v in line.items()})
            except TypeError:
                raise CatalogueError(
                    f"{where}: needs old_code, old_name, code, since, source and note"
                ) from None
            if not re.fullmatch(r"(\d{6})?", former.old_code) or not re.fullmatch(r"\d{6}", former.code):
                raise CatalogueError(f"{where}: a code is not six digits")
            if not former.old_name or not former.source:
                raise CatalogueError(f"{where}: needs a name and a source")
            if not re.fullmatch(r"\d{4}(-\d{2}-\d{2})?", former.since):
                raise CatalogueError(f"{where}: since {former.since!r} is neither a year nor a day")
            if former.old_code in seen:
                raise CatalogueError(f"{where}: the code {former.old_code} stands twice")
            seen |= {former.old_code} - {""}
            found.append(former)
    return found


def read_wording(path: Path) -> Wording:
    """Read `region_names.yml`; nothing is ordinary where there is no such file. Raises CatalogueError if it is malformed."""
    if not path.exists():
        return Wording(frozenset(), frozenset())
    try:
        held = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return Wording(
            frozenset(held["ordinary"]), frozenset(held["plain_at_home"]), tuple(held.get("abroad") or ())
        )
    except (UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise CatalogueError(f"{path.name}: needs ordinary and plain_at_home ({error})") from None


@functools.lru_cache(maxsize=1)
def _shipped() -> tuple[list[Former], Wording]:
    return read_former(SHIPPED / "former_regions.csv"), read_wording(SHIPPED / "region_names.yml")


class Regions:
    """All regions, by code and by name; codes and names of the past lead to those of today.

    `former` and `wording` are those that ship where they are not given.
    """

    def __init__(
        self,
        regions: list[Region],
        home: str = "330000",
        former: list[Former] | None = None,
        wording: Wording | None = None,
    ):
        self.home = home
        self._by_code = {r.code: r for r in regions}
        past = _shipped()[0] if former is None else former
        wording = _shipped()[1] if wording is None else wording
        self.abroad = wording.abroad
        self.former = [f for f in past if f.code in self._by_code]
        self._today = {
            f.old_code: f.code for f in self.former if f.old_code and f.old_code not in self._by_code
        }
        self._children: dict[str, list[Region]] = {}
        self._names: dict[str, list[str]] = {}
        for region in sorted(regions, key=lambda r: r.code):
            if region.parent:
                self._children.setdefault(region.parent, []).append(region)
            if region.code == COUNTRY or region.name in ("县", "市辖区"):
                continue
            names = {region.name}
            short = short_name(region.name)
            in_home = region.code[:2] == home[:2]
            if (region.level != "county" or in_home) and (
                short not in wording.ordinary or (in_home and short in wording.plain_at_home)
            ):
                names.add(short)
            for name in names:
                self._names.setdefault(name, []).append(region.code)
        # The county-level 丽水市 of the past is no reason to doubt what 丽水市 means today.
        held = set(self.spoken())
        for f in self.former:
            if f.old_name not in held and f.old_name not in wording.ordinary:
                self._names.setdefault(f.old_name, []).insert(0, f.code)

    @classmethod
    def load(cls, path: Path, home: str = "330000") -> Regions:
        """Read `code,name` lines, and `former_regions.csv` and `region_names.yml` beside them. Raises CatalogueError on a malformed line."""
        regions = []
        with path.open(encoding="utf-8") as handle:
            for number, line in enumerate(csv.DictReader(handle), 2):
                code, name = line.get("code") or "", line.get("name") or ""
                if not re.fullmatch(r"\d{6}", code) or not name:
                    raise CatalogueError(f"{path.name}, line {number}: needs a six-digit code and a name")
                regions.append((code, name))
        codes = {code for code, _ in regions}
        former = read_former(path.with_name("former_regions.csv"))
        for f in former:
            if f.code not in codes:
                raise CatalogueError(
                    f"former_regions.csv: {f.old_name} leads to {f.code}, which is not there"
                )
            if f.old_code in codes and f.old_code != f.code:
                raise CatalogueError(f"former_regions.csv: {f.old_code} {f.old_name} is in use today")
        wording = read_wording(path.with_name("region_names.yml"))
        return cls([Region(c, n, _parent(c, codes)) for c, n in regions], home, former, wording)

    @functools.cached_property
    def _pattern(self) -> re.Pattern[str]:
        longest = sorted((n for n in self._names if len(n) >= 2), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest)))

    def spoken(self) -> list[str]:
        """Return the names of the home province's places as people say them."""
        return [n for n, codes in self._names.items() if any(c[:2] == self.home[:2] for c in codes)]

    def codes(self) -> list[str]:
        """Return all codes in order."""
        return sorted(self._by_code)

    def __contains__(self, code: object) -> bool:
        return code in self._by_code or code in self._today

    def get(self, code: str) -> Region:
        """Return the region of `code`, today's for a code of the past. Raises CatalogueError if there is none."""
        try:
            return self._by_code[self._today.get(code, code)]
        except KeyError:
            raise CatalogueError(f"no region has the code {code!r}") from None

    def is_former(self, code: str) -> bool:
        """Return whether `code` is one of the past."""
        return code in self._today

    def chain(self, code: str | None) -> list[str]:
        """Return the codes whose rows hold in `code`, nearest first: county, city, province, country."""
        codes: list[str] = []
        current: str | None = code or self.home
        while current:
            region = self.get(current)
            codes.append(region.code)
            current = region.parent
        return codes

    def children(self, code: str) -> list[Region]:
        """Return the regions right below `code`, in order of code."""
        return list(self._children.get(self.get(code).code, ())) if code in self else []

    def find(self, text: str) -> list[tuple[Region, int, int]]:
        """Return the places named in `text` as (region, start, end); 杭州滨江 is one place, the smaller one."""
        hits = [(m.group(), m.start(), m.end()) for m in self._pattern.finditer(text)]
        found: list[tuple[Region, int, int]] = []
        for name, start, end in hits:
            codes = self._names[name]
            inside = [c for c in codes if found and found[-1][0].code in self.chain(c)[1:]]
            at_home = [c for c in codes if c[:2] == self.home[:2]]
            if len({c[:2] for c in codes}) == 1 and any(c.endswith("0000") for c in codes):
                codes = [min(codes)]  # 北京市 is a province and its own city
            code = (inside or at_home or codes)[0]
            # 河北人 says a place, 东阳光 does not; the ordinary-word list keeps the worst ones out.
            if found and inside and start - found[-1][2] <= 3:
                _, first, _ = found.pop()
                start = first
            elif len(codes) > 1 and not inside and not at_home:
                continue
            found.append((self._by_code[code], start, end))
        return found

    def asked_about(self, text: str, places: list[tuple[Region, int, int]]) -> Region | None:
        """Return which of the `places` found in `text` is asked about: the last one that is not said by the way.

        A place of the home province is taken even if it is said by the way, where there is no other.
        """
        plain = [r for r, start, end in places if not self._by_the_way(text, r, start, end)]
        home = [r for r, _, _ in places if r.code[:2] == self.home[:2]]
        return plain[-1] if plain else home[-1] if home else None

    def _by_the_way(self, text: str, region: Region, start: int, end: int) -> bool:
        """Return whether a place is only where somebody comes from, was, goes to, or was told something."""
        before, after = text[:start], text[end:]
        if _COMES_FROM.search(before) or _IS_FROM.match(after):
            return True
        if region.code[:2] == self.home[:2]:
            return False
        if _GOES_BACK.search(before) or (_WHOSE.search(before) and after.startswith("的")):
            return True
        if _GOES_TO.search(before):
            return not _DONE_THERE.match(after)
        return bool(_IS_AT.search(before) and _STAYS.match(after))


def _parent(code: str, codes: set[str]) -> str | None:
    if code == COUNTRY:
        return None
    for candidate in (code[:4] + "00", code[:2] + "0000"):
        if candidate != code and candidate in codes:
            return candidate
    return COUNTRY
