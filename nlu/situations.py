"""Sentences of the shipped catalogue's 市民问法 that teach the classifier what a question about a proof sounds like."""

from __future__ import annotations

import json
import re

from proof_catalogue.store import DATA

PER_ROW = 4
# Worded as a question of another kind: about a pledge, sharing, checking, a complaint, the place of issue or the ground.
_OTHER = re.compile(
    r"承诺|保证书|签个字|投诉|举报|反映|核查|协查|核实|共享|系统里|联网|谁开|哪里|哪儿|去哪|上哪|找谁|哪个部门|凭什么|凭啥|依据|法律|规定|需要什么|要哪些|要什么|要啥"
)


def situations() -> list[str]:
    """Return PER_ROW sentences a row, spread over short and long ones; no evaluation set was seen by their writers."""
    found = []
    for line in (DATA / "requirements.jsonl").open(encoding="utf-8"):
        asked = [s for s in json.loads(line)["asked_as"] if not _OTHER.search(s)]
        step = max(1, len(asked) // PER_ROW)
        found += asked[::step][:PER_ROW]
    return list(dict.fromkeys(found))
