"""A row of the catalogue and the verdict that it gives."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any

from .errors import CatalogueError

KINDS = {"proof", "document_held", "general_rule"}
STATUSES = {
    "cancelled",
    "retained",
    "pledge",
    "data_sharing",
    "verification",
    "not_issued_by_police",
    "not_issued_by_village",
}
CONFIDENCES = {"high", "medium", "low"}
LISTS = ("aliases", "inferred", "see_also", "paths", "conditions", "asked_as")
DATES = ("valid_from", "valid_until", "checked_at")
# What a citizen can do under each verdict, best first, where the row itself does not say.
PATHS = {
    "cancelled": [],
    "data_sharing": ["data_sharing"],
    "verification": ["verification"],
    "pledge": ["pledge", "obtain"],
    "retained": ["obtain"],
    "wrong_issuer": ["present"],
    "held_document": ["present"],
}
_OPTIONAL = {"valid_from", "valid_until", "checked_at", "paths", "conditions", "guide", "asked_as"}
PATH_NAMES = {"data_sharing", "verification", "pledge", "present", "obtain"}


@dataclass(frozen=True)
class Requirement:
    """One catalogue row; the fields are those of `catalogue/data/requirements.jsonl`.

    `valid_from` and `valid_until` are the first and the last day on which it holds, `checked_at` the day its source was last
    looked at, all YYYY-MM-DD or empty where unknown. `paths` is empty where the status alone says what can be done.
    `asked_as` is how citizens ask about it, in their words; sentences near to one of these are taken to mean this row.
    """

    id: str
    kind: str
    proof: str
    aliases: tuple[str, ...]
    matter: str
    sector: str
    region_code: str
    region: str
    status: str
    demanding_authority: str = ""
    issuing_authority: str = ""
    legal_basis: str = ""
    replacement: str = ""
    data_source: str = ""
    source_title: str = ""
    source_url: str = ""
    source_date: str = ""
    source_kind: str = ""
    confidence: str = "medium"
    inferred: tuple[str, ...] = ()
    conflict: str = ""
    note: str = ""
    see_also: tuple[str, ...] = field(default=())
    valid_from: str = ""
    valid_until: str = ""
    checked_at: str = ""
    paths: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    guide: str = ""
    asked_as: tuple[str, ...] = ()

    @classmethod
    def parse(cls, row: dict[str, Any], where: str) -> Requirement:
        """Build a requirement from a JSON object. Raises CatalogueError naming `where` and the field at fault."""
        known = {f.name for f in fields(cls)}
        unknown = set(row) - known
        if unknown:
            raise CatalogueError(f"{where}: unknown field {sorted(unknown)[0]!r}")
        for name in ("id", "kind", "proof", "matter", "sector", "region_code", "region", "status"):
            if not isinstance(row.get(name), str) or not row[name].strip():
                raise CatalogueError(f"{where}: {name} is missing")
        row = {"aliases": [], **row}
        for name, value in row.items():
            if name in LISTS:
                if not isinstance(value, list) or not all(isinstance(v, str) and v.strip() for v in value):
                    raise CatalogueError(f"{where}: {name} must be a list of texts")
            elif not isinstance(value, str):
                raise CatalogueError(f"{where}: {name} must be a text")
        if not re.fullmatch(r"F\d{3,}", row["id"]):
            raise CatalogueError(f"{where}: the id {row['id']!r} is not F and at least three digits")
        for name, allowed in (("kind", KINDS), ("status", STATUSES), ("confidence", CONFIDENCES)):
            if row.get(name, "medium") not in allowed:
                raise CatalogueError(
                    f"{where}: {name} is {row[name]!r}, not one of {', '.join(sorted(allowed))}"
                )
        if not re.fullmatch(r"\d{6}", row["region_code"]):
            raise CatalogueError(f"{where}: region_code {row['region_code']!r} is not six digits")
        for name in DATES:
            if row.get(name):
                _day(row[name], f"{where}: {name}")
        if row.get("valid_from") and row.get("valid_until") and row["valid_from"] > row["valid_until"]:
            raise CatalogueError(
                f"{where}: valid_from {row['valid_from']} is after valid_until {row['valid_until']}"
            )
        for path in row.get("paths") or []:
            if path not in PATH_NAMES:
                raise CatalogueError(
                    f"{where}: the path {path!r} is not one of {', '.join(sorted(PATH_NAMES))}"
                )
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
        return cls(**values)

    @property
    def verdict_kind(self) -> str:
        """The verdict this row gives; see the nomenclature in the README."""
        if self.status in ("not_issued_by_police", "not_issued_by_village"):
            return "wrong_issuer"
        if self.kind == "document_held" and self.status == "retained":
            return "held_document"
        return self.status

    @property
    def short_proof(self) -> str:
        """The proof's name without the bracketed remark that tells rows apart."""
        return re.sub(r"[（(][^（）()]*[）)]$", "", self.proof) or self.proof

    @property
    def ways(self) -> list[str]:
        """The paths that this row offers, best first."""
        return list(self.paths) or PATHS[self.verdict_kind]

    def in_force(self, on: date) -> bool:
        """Return whether the row holds on the day `on`; an unknown date sets no bound."""
        day = on.isoformat()
        return (not self.valid_from or self.valid_from <= day) and (
            not self.valid_until or day <= self.valid_until
        )

    def cautions(self) -> list[str]:
        """The catalogue's own doubts about this row, in words for the citizen; empty when there are none."""
        doubts = []
        if self.conflict:
            doubts.append(re.sub(r"(F\d{3})", r"目录\1号", self.conflict))
        if self.source_kind == "none":
            doubts.append("这一条没有找到公开出处，属一般知识，待核实，请以办事窗口或12345的答复为准。")
        elif self.confidence == "low":
            doubts.append("这一条的依据不够确定，办事前请再向窗口或12345核实。")
        if self.source_kind != "none" and {"status", "legal_basis", "matter"} & set(self.inferred):
            doubts.append("其中结论或依据有一部分是根据来源推断的，请以窗口答复为准。")
        if "待核实" in self.note and not doubts:
            doubts.append(self.note)
        return doubts

    def json(self) -> dict[str, Any]:
        """Return the fields as they stand in the data; those that few rows have only where they say something."""
        return {
            k: list(v) if isinstance(v, tuple) else v
            for k, v in vars(self).items()
            if v or k not in _OPTIONAL
        }

    def verdict(self) -> dict[str, Any]:
        """Return the wire contract's `verdict` object for this row."""
        sources = []
        if self.source_title:
            sources.append(
                {
                    "title": self.source_title,
                    "url": self.source_url,
                    "date": self.source_date,
                    "confidence": self.confidence,
                }
            )
        return {
            "kind": self.verdict_kind,
            "requirement_id": self.id,
            "proof": self.proof,
            "matter": self.matter,
            "region": {"code": self.region_code, "name": self.region},
            "paths": self.ways,
            "replacement": self.replacement,
            "demanding_authority": self.demanding_authority,
            "issuing_authority": self.issuing_authority,
            "legal_basis": self.legal_basis,
            "sources": sources,
            "caution": "".join(self.cautions()) or None,
        }


def _day(text: str, where: str) -> date:
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise CatalogueError(f"{where} {text!r} is not a day as YYYY-MM-DD") from None


def read_requirements(path: Path) -> list[Requirement]:
    """Read a JSONL file of rows. Raises CatalogueError with file, line and field on the first fault."""
    rows: list[Requirement] = []
    seen: dict[str, int] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path}: cannot be read ({error})") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path.name}, line {number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise CatalogueError(f"{where}: not JSON ({error.msg})") from None
        if not isinstance(row, dict):
            raise CatalogueError(f"{where}: not a JSON object")
        requirement = Requirement.parse(row, where)
        if requirement.id in seen:
            raise CatalogueError(
                f"{where}: id {requirement.id} stands already on line {seen[requirement.id]}"
            )
        seen[requirement.id] = number
        rows.append(requirement)
    if not rows:
        raise CatalogueError(f"{path}: holds no rows")
    return rows
