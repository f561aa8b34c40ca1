"""Rows: parsing with errors that name line and field, verdict kinds, cautions."""

import json

import pytest

from proof_catalogue.errors import CatalogueError
from proof_catalogue.requirement import PATHS, Requirement, read_requirements
from proof_catalogue.store import DATA

from ..support import CARD_FIELDS

ROWS = read_requirements(DATA / "requirements.jsonl")
GOOD = {"id": "F901", "kind": "proof", "proof": "收入证明", "matter": "低保", "region_code": "330000", "status": "cancelled", "aliases": [], "sector": "民政", "region": "浙江省"}  # fmt: skip


def without(name):
    return {k: v for k, v in GOOD.items() if k != name}


def test_a_row_with_the_needed_fields_parses():
    row = Requirement.parse(GOOD, "line 1")
    assert row.verdict_kind == "cancelled" and row.aliases == ()


@pytest.mark.parametrize("name", ["id", "kind", "proof", "matter", "region_code", "status"])
@pytest.mark.parametrize("value", [None, "", "  ", 7])
def test_a_needed_field_that_is_missing_is_named(name, value):
    row = without(name) if value is None else {**GOOD, name: value}
    with pytest.raises(CatalogueError, match=rf"line 9.*{name}"):
        Requirement.parse(row, "line 9")


@pytest.mark.parametrize("name", ["sector", "region"])
def test_any_other_field_that_a_row_cannot_do_without_is_named(name):
    with pytest.raises(CatalogueError, match=rf"line 9.*{name}"):
        Requirement.parse(without(name), "line 9")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "letter"),
        ("status", "maybe"),
        ("confidence", "sure"),
        ("region_code", "33"),
        ("colour", "red"),
        ("aliases", "收入证明"),
        ("aliases", [1]),
        ("see_also", "F001"),
        ("inferred", {"status": 1}),
        ("replacement", 5),
        ("legal_basis", ["law"]),
        ("source_url", None),
        ("confidence", None),
        ("conflict", 1),
    ],
)
def test_a_field_with_a_value_it_cannot_have_is_named(name, value):
    with pytest.raises(CatalogueError, match=rf"line 4.*{name}"):
        Requirement.parse({**GOOD, name: value}, "line 4")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (json.dumps(GOOD) + "\n{broken\n", "line 2.*JSON"),
        (json.dumps(GOOD) + "\n\n[1]\n", "line 3.*object"),
        (json.dumps(GOOD) + "\n" + json.dumps(GOOD), "line 2.*F901.*line 1"),
        (json.dumps({**GOOD, "status": "x"}), "line 1.*status"),
        ("\n", "no rows"),
        ("", "no rows"),
    ],
)
def test_the_first_fault_of_a_file_is_named_by_line(tmp_path, lines, message):
    path = tmp_path / "requirements.jsonl"
    path.write_text(lines, encoding="utf-8")
    with pytest.raises(CatalogueError, match=message):
        read_requirements(path)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(CatalogueError, match="cannot be read"):
        read_requirements(tmp_path / "none.jsonl")
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CatalogueError, match="cannot be read"):
        read_requirements(tmp_path / "bytes.jsonl")


@pytest.mark.parametrize(
    ("kind", "status", "verdict"),
    [
        ("proof", "cancelled", "cancelled"),
        ("proof", "retained", "retained"),
        ("proof", "pledge", "pledge"),
        ("proof", "data_sharing", "data_sharing"),
        ("proof", "verification", "verification"),
        ("proof", "not_issued_by_police", "wrong_issuer"),
        ("proof", "not_issued_by_village", "wrong_issuer"),
        ("document_held", "retained", "held_document"),
        ("document_held", "cancelled", "cancelled"),
        ("document_held", "data_sharing", "data_sharing"),
        ("document_held", "not_issued_by_police", "wrong_issuer"),
    ],
)
def test_the_kind_of_verdict(kind, status, verdict):
    row = Requirement.parse({**GOOD, "kind": kind, "status": status}, "row")
    assert row.verdict_kind == verdict == row.verdict()["kind"]


def test_all_shipped_rows_give_a_verdict_of_the_contract():
    assert len(ROWS) == 362
    for row in ROWS:
        verdict = row.verdict()
        assert set(verdict) == CARD_FIELDS, row.id
        assert verdict["kind"] in PATHS and verdict["paths"] == row.ways, row.id
        assert verdict["region"] == {"code": row.region_code, "name": row.region}
        assert all(set(s) == {"title", "url", "date", "confidence"} for s in verdict["sources"])
        assert verdict["caution"] is None or verdict["caution"].strip()
        assert row.source_title and row.legal_basis, row.id
        json.dumps(verdict, ensure_ascii=False)


def test_a_doubt_is_never_hidden():
    for row in ROWS:
        doubtful = row.conflict or row.confidence == "low" or row.source_kind == "none"
        assert not doubtful or row.verdict()["caution"], row.id
    assert sum(bool(r.conflict) for r in ROWS) == 16


def test_a_sure_row_has_no_caution():
    row = Requirement.parse({**GOOD, "confidence": "high", "source_kind": "official"}, "row")
    assert row.cautions() == [] and row.verdict()["caution"] is None and row.verdict()["sources"] == []


def test_short_proof_drops_the_bracketed_remark_only():
    def name(proof):
        return Requirement.parse({**GOOD, "proof": proof}, "row").short_proof

    assert name("收入证明（公积金贷款）") == "收入证明"
    assert name("（无）婚姻登记记录证明") == "（无）婚姻登记记录证明"
    assert name("（全部）") == "（全部）"
    assert all(r.short_proof for r in ROWS)


def test_json_is_the_row_as_it_stands_in_the_data():
    lines = (DATA / "requirements.jsonl").read_text(encoding="utf-8").splitlines()
    for line, row in zip((json.loads(x) for x in lines if x.strip()), ROWS, strict=True):
        held = row.json()
        assert all(held[k] == v for k, v in line.items()), row.id
