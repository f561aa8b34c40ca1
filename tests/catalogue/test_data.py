"""The data that ships: every reference leads somewhere, every row can be reached."""

import re
from datetime import date

import pytest
import yaml

from proof_catalogue.regions import Regions
from proof_catalogue.requirement import PATHS, read_requirements
from proof_catalogue.store import DATA
from proof_catalogue.vocabulary import read_terms

ROWS = {r.id: r for r in read_requirements(DATA / "requirements.jsonl")}
TERMS = read_terms(DATA)
CONFLICTS = yaml.safe_load((DATA / "conflicts.yml").read_text(encoding="utf-8"))


def test_every_row_that_a_term_names_is_there():
    wrong = [(t.kind, t.name, r) for t in TERMS for r in t.requirements if r not in ROWS]
    assert not wrong


@pytest.mark.parametrize("kind", ["proof", "matter"])
def test_every_row_that_can_be_an_answer_stands_under_a_term(kind):
    under = {r for t in TERMS if t.kind == kind for r in t.requirements}
    assert not [r.id for r in ROWS.values() if r.kind != "general_rule" and r.id not in under]


def test_no_general_rule_stands_under_a_term():
    wrong = [(t.name, r) for t in TERMS for r in t.requirements if ROWS[r].kind == "general_rule"]
    assert not wrong


def test_rows_name_rows_and_regions_that_are_there():
    regions = Regions.load(DATA / "regions.csv")
    for row in ROWS.values():
        assert row.region_code in regions, row.id
        assert set(row.see_also) <= set(ROWS) - {row.id}, row.id
        assert re.fullmatch(r"F\d{3}", row.id)
        if row.source_url:
            assert re.match(r"https?://[^\s]+$", row.source_url), row.id


def test_conflicts_prevail_by_rows_of_their_own_that_say_so():
    for conflict in CONFLICTS:
        assert conflict["prevails"] in conflict["rows"]
        for row_id in conflict["rows"]:
            assert ROWS[row_id].conflict, f"{row_id} shows no caution"
    named = [r for c in CONFLICTS for r in c["rows"]]
    assert len(named) == len(set(named))


def test_no_wording_is_one_character_or_a_mere_pattern_mark():
    for term in TERMS:
        for name in term.names:
            assert len(name) >= 2 and not set(name) & set("+/"), (term.name, name)


def test_no_wording_says_two_proofs_or_two_matters():
    for kind in ("proof", "matter"):
        owner: dict[str, str] = {}
        shared = []
        for term in (t for t in TERMS if t.kind == kind):
            for name in term.names:
                if owner.setdefault(name, term.name) != term.name:
                    shared.append((name, owner[name], term.name))
        assert not shared


def test_what_rows_say_of_dates_conditions_and_places_stands_in_their_own_words():
    for row in ROWS.values():
        own = "\n".join((row.proof, row.matter, row.legal_basis, row.replacement, row.note, row.source_title))
        for said in (row.valid_from, row.valid_until, row.guide, *row.conditions):
            assert said in own, (row.id, said)


def test_paths_that_rows_name_hold_the_path_of_their_status():
    named = [r for r in ROWS.values() if r.paths]
    assert len(named) > 20
    for row in named:
        assert len(set(row.paths)) == len(row.paths) > 1, row.id
        own = PATHS[row.verdict_kind]
        if row.verdict_kind != "wrong_issuer":
            assert set(own) <= set(row.paths), row.id
        if row.status == "pledge":
            assert row.ways[:2] == ["pledge", "obtain"], row.id


def test_no_row_has_run_out_and_some_begin_on_a_day():
    today = date(2026, 11, 22)
    assert all(r.in_force(today) for r in ROWS.values())
    assert not ROWS["F001"].in_force(date(2016, 8, 31)) and ROWS["F001"].in_force(date(2016, 9, 1))
    assert not ROWS["F096"].in_force(date(2024, 5, 31)) and ROWS["F096"].in_force(date(2024, 6, 1))
