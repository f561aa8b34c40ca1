"""Every statement of law has its source, and what no source bears out is marked."""

import re

import pytest

from bot.paths.legal import UNVERIFIED, law, statements
from bot.paths.pledge import notice
from bot.words import all_words

from ...support import ROOT


@pytest.mark.parametrize("key", sorted(statements()))
def test_each_statement_has_its_source(key):
    held = statements()[key]
    assert set(held) <= {"text", "source", "unverified"} and held["text"].endswith("。")
    assert held["source"].strip() and f"（依据：{held['source']}）" in law(key)
    doubtful = bool(re.search(r"没有核到|没有写|一般知识", held["source"]))
    assert doubtful == bool(held.get("unverified")) == (UNVERIFIED in law(key))


def test_each_statement_is_used():
    sources = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "bot" / "paths").glob("*.py"))
    quoted = set(re.findall(r"\"([a-z_]+)\"", sources))
    assert sorted(set(statements()) - quoted) == []


def test_the_notice_has_all_elements_with_their_ground(catalogue):
    for row in catalogue.rows.values():
        if row.verdict_kind != "pledge":
            continue
        elements = notice(row)["elements"]
        assert len(elements) == 7 and all(e["title"] and e["text"] for e in elements), row.id
        assert row.matter == elements[0]["text"] and (row.legal_basis or "没有写明") in elements[1]["text"]
        assert all("依据：" in e["text"] for e in elements[3:])


def test_no_law_stands_among_plain_words():
    def leaves(value, path=""):
        for key, held in value.items():
            if isinstance(held, dict):
                yield from leaves(held, f"{path}.{key}")
            else:
                yield path + "." + key, held

    for key, text in leaves(all_words()["paths"]):
        assert not re.search(r"第[一二三四五六七八九十]+条|《|国办发", text), key
