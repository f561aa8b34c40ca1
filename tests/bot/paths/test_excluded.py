"""Excluded fields: decided by id or by a row's own condition, told by the check, with why and what instead for the citizen."""

from __future__ import annotations

import dataclasses

import pytest

from bot.paths.excluded import CLOSED, LOOKED_AT, exclusion, faults, held, may_pledge
from bot.paths.legal import law
from bot.paths.pledge import excluded_lines
from proof_catalogue.requirement import read_requirements
from proof_catalogue.store import DATA

ROWS = {row.id: row for row in read_requirements(DATA / "requirements.jsonl")}
BLOOD = ROWS["F169"]


def test_the_eight_fields_are_those_of_the_rule_with_its_sources():
    names = {field["name"] for field in held()["fields"].values()}
    assert len(names) == 8
    for name in names:
        assert name in law("excluded"), name
    assert "改革规定》第十四条" in law("excluded")
    assert {f["how"] for f in held()["fields"].values()} == {"直接涉及", "直接关系", "属于"}


def test_every_ruling_is_of_a_row_that_is_there_and_says_why():
    for id_, ruling in held()["rows"].items():
        assert ruling["field"] in held()["fields"] and len(ruling["reason"]) > 8, id_
        assert ROWS[id_].verdict_kind == "pledge" or not ruling["pledge"], f"{id_} offers no pledge"


def test_every_shipped_row_that_reads_like_a_field_has_been_looked_at():
    told = {fault.subject: fault for fault in faults(ROWS.values())}
    assert set(told) == {"F162"} and told["F162"].level == "notice" and "公共安全" in told["F162"].message


def test_a_word_alone_closes_nothing_but_is_told():
    row = dataclasses.replace(BLOOD, id="F9001", matter="办理消防安全检查")
    assert may_pledge(row)
    (fault,) = faults([row])
    assert fault.level == "notice" and "公共安全" in fault.message
    assert not list(faults([dataclasses.replace(row, conditions=(LOOKED_AT,))]))


@pytest.mark.parametrize("name", [field["name"] for field in held()["fields"].values()])
def test_a_city_s_own_row_says_its_field_in_a_condition(name):
    row = dataclasses.replace(BLOOD, id="F9001", conditions=("本人办理", CLOSED + name))
    assert not may_pledge(row) and exclusion(row).name == name
    (fault,) = faults([row])
    assert fault.level == "notice" and name in fault.message
    why, rule, instead = excluded_lines(row)
    assert name in why and "待核实" in why and "依据" in rule and "照规定去开「亲属关系证明」" in instead


def test_a_field_that_is_none_is_an_error():
    row = dataclasses.replace(BLOOD, id="F9001", conditions=(CLOSED + "公共秩序",))
    assert [fault.level for fault in faults([row])] == ["error", "notice"]


def test_who_offers_no_pledge_has_none_whatever_the_field():
    assert not may_pledge(ROWS["F227"]) and exclusion(ROWS["F227"]).name == "人身健康"
    assert may_pledge(BLOOD) and exclusion(BLOOD) is None and excluded_lines(BLOOD) == []
