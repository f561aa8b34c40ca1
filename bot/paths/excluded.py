"""The fields in which no pledge may take a proof's place: which requirement falls into one, and what nobody has looked at yet."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from proof_catalogue.check import Fault
from proof_catalogue.requirement import Requirement

# What a city writes into the conditions of its own rows.
CLOSED, LOOKED_AT = "除外领域：", "不属于除外领域"


@dataclass(frozen=True)
class Exclusion:
    """Why a requirement may not be pledged: the field's `name`, `how` the requirement touches it, the `reason` in a sentence."""

    name: str
    how: str
    reason: str


@functools.lru_cache(maxsize=1)
def held() -> dict[str, Any]:
    """Return data/excluded.yml, read once."""
    path = Path(__file__).with_name("data") / "excluded.yml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def exclusion(row: Requirement) -> Exclusion | None:
    """Return the field that closes the pledge to `row`, or None; decided by id or by the row's own condition, never by its words."""
    ruling = held()["rows"].get(row.id)
    if ruling is not None and not ruling["pledge"]:
        field = held()["fields"][ruling["field"]]
        return Exclusion(field["name"], field["how"], ruling["reason"])
    named = _named(row)
    if named is None:
        return None
    how = next((f["how"] for f in held()["fields"].values() if f["name"] == named), "属于")
    return Exclusion(named, how, "")


def may_pledge(row: Requirement) -> bool:
    """Return whether a pledge may take the proof's place: the row offers it, and no excluded field closes it."""
    return row.verdict_kind == "pledge" and exclusion(row) is None


def faults(rows: Iterable[Requirement]) -> Iterator[Fault]:
    """Yield what staff should know of rows that offer a pledge and excluded fields; unknown fields are errors."""
    names = {field["name"] for field in held()["fields"].values()}
    for row in rows:
        named, found = _named(row), exclusion(row)
        if named is not None and named not in names:
            yield Fault("error", row.id, f"除外领域“{named}”不在名单里（{'、'.join(names)}）")
        if row.verdict_kind != "pledge":
            continue
        if found is not None:
            yield Fault("notice", row.id, f"结论是告知承诺，但属于除外领域“{found.name}”，助手不替人承诺")
        elif row.id not in held()["rows"] and LOOKED_AT not in row.conditions:
            touched = [f["name"] for f in held()["fields"].values() if _signs(row, f["signs"])]
            if touched:
                yield Fault(
                    "notice",
                    row.id,
                    f"可以告知承诺，但看字面可能属于除外领域（{'、'.join(touched)}），"
                    f"请核对后在“适用条件”里写“{CLOSED}…”或“{LOOKED_AT}”",
                )


def _named(row: Requirement) -> str | None:
    return next((c.removeprefix(CLOSED).strip() for c in row.conditions if c.startswith(CLOSED)), None)


def _signs(row: Requirement, signs: list[str]) -> bool:
    text = " ".join([row.proof, row.matter, row.sector])
    return any(sign in text for sign in signs)
