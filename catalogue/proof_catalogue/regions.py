"""The region tree (GB/T 2260) and how regions are found in a sentence."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from .errors import CatalogueError

COUNTRY = "000000"
_SUFFIX = re.compile(r"(?:特别行政区|(?:[\u4e00-\u9fff]{1,4}族)*自治[区州县旗]|[省市区县旗盟]|地区)$")
# Names that changed or merged; the sources are the State Council's approvals of 2021-01-11 (杭州) and 2013-10-17 (绍兴).
FORMER_NAMES = {
    "江干区": "330102",
    "江干": "330102",
    "下城区": "330105",
    "下沙": "330114",
    "大江东": "330114",
    "绍兴县": "330603",
    "上虞市": "330604",
    "鄞县": "330212",
    "奉化市": "330213",
    "富阳市": "330111",
    "临安市": "330112",
    "洞头县": "330305",
    "玉环县": "331083",
    "柯城": "330802",
}
# Short names that are ordinary words or belong to several places; only the full name counts.
_AMBIGUOUS = {
    "普陀",
    "江山",
    "江北",
    "东阳",
    "仙居",
    "开化",
    "云和",
    "松阳",
    "龙游",
    "平阳",
    "永康",
    "西湖",
    "鼓楼",
    "新华",
    "城区",
    "和平",
    "朝阳",
    "河东",
    "河西",
    "南山",
    "向阳",
    "长安",
    "安宁",
    "文成",
    "新城",
    "青山",
    "城关",
    "市中",
    "桥东",
    "桥西",
    "郊区",
    "矿区",
    "前进",
    "东风",
    "永定",
    "安定",
    "大同",
    "三门",
    "吉安",
    "泰安",
}
_ZHEJIANG_SHORT = {"龙游", "平阳", "永康", "东阳", "仙居", "松阳", "开化", "江山", "三门", "文成", "云和"}


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


def short_name(name: str) -> str:
    """Return `name` without its administrative suffix (杭州市 → 杭州), never shorter than two characters."""
    short = _SUFFIX.sub("", name)
    return short if len(short) >= 2 else name


class Regions:
    """All regions, by code and by name."""

    def __init__(self, regions: list[Region], home: str = "330000"):
        self.home = home
        self._by_code = {r.code: r for r in regions}
        self._names: dict[str, list[str]] = {}
        for region in regions:
            if region.code == COUNTRY or region.name in ("县", "市辖区"):
                continue
            names = {region.name}
            short = short_name(region.name)
            in_home = region.code[:2] == home[:2]
            if (region.level != "county" or in_home) and (
                short not in _AMBIGUOUS or (in_home and short in _ZHEJIANG_SHORT)
            ):
                names.add(short)
            for name in names:
                self._names.setdefault(name, []).append(region.code)
        for name, code in FORMER_NAMES.items():
            if code in self._by_code:
                self._names.setdefault(name, []).insert(0, code)
        longest = sorted((n for n in self._names if len(n) >= 2), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest)))

    @classmethod
    def load(cls, path: Path, home: str = "330000") -> Regions:
        """Read `code,name` lines. Raises CatalogueError on a malformed line."""
        regions = []
        with path.open(encoding="utf-8") as handle:
            for number, line in enumerate(csv.DictReader(handle), 2):
                code, name = line.get("code") or "", line.get("name") or ""
                if not re.fullmatch(r"\d{6}", code) or not name:
                    raise CatalogueError(f"{path.name}, line {number}: needs a six-digit code and a name")
                regions.append((code, name))
        codes = {code for code, _ in regions}
        return cls([Region(c, n, _parent(c, codes)) for c, n in regions], home)

    def codes(self) -> list[str]:
        """Return all codes in order."""
        return sorted(self._by_code)

    def __contains__(self, code: object) -> bool:
        return code in self._by_code

    def get(self, code: str) -> Region:
        """Return the region of `code`. Raises CatalogueError if there is none."""
        try:
            return self._by_code[code]
        except KeyError:
            raise CatalogueError(f"no region has the code {code!r}") from None

    def chain(self, code: str | None) -> list[str]:
        """Return the codes whose rows hold in `code`, nearest first: county, city, province, country."""
        codes, current = [], code or self.home
        while current:
            codes.append(current)
            current = self.get(current).parent or ""
        return codes

    def children(self, code: str) -> list[Region]:
        """Return the regions right below `code`, in order of code."""
        return sorted((r for r in self._by_code.values() if r.parent == code), key=lambda r: r.code)

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


def _parent(code: str, codes: set[str]) -> str | None:
    if code == COUNTRY:
        return None
    for candidate in (code[:4] + "00", code[:2] + "0000"):
        if candidate != code and candidate in codes:
            return candidate
    return COUNTRY
