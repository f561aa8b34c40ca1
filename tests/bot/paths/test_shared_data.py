"""Shared data: the catalogue's word, and a real platform's."""

from __future__ import annotations

import dataclasses

import pytest

from bot.paths.service import SignedService
from bot.paths.shared_data import Availability, CatalogueSharedData, HttpSharedData, open_shared_data
from bot.settings import read_settings
from proof_catalogue.requirement import read_requirements

from ...support import ROOT
from .support import SECRET, Platform

ROWS = read_requirements(ROOT / "catalogue" / "data" / "requirements.jsonl")
SHARED = next(r for r in ROWS if r.verdict_kind == "data_sharing" and r.data_source)
PLEDGE = next(r for r in ROWS if r.verdict_kind == "pledge")


@pytest.fixture
def asking():
    made = []

    def make(*replies):
        made.append(Platform(*replies))
        return made[-1], HttpSharedData(SignedService(made[-1].url, SECRET))

    yield make
    for platform in made:
        platform.close()


def test_the_catalogue_answers_for_every_row():
    for row in ROWS:
        found = CatalogueSharedData().available(row, "330100")
        assert (
            found.available is (row.verdict_kind == "data_sharing") and not found.asked and not found.degraded
        )
    assert CatalogueSharedData().available(SHARED, "330100").holder == SHARED.data_source


def test_the_platform_is_asked_about_the_row_and_nobody(asking):
    platform, shared = asking({"available": True, "holder": "杭州市民政局"})
    assert shared.available(PLEDGE, "330106") == Availability(True, "杭州市民政局", asked=True)
    assert platform.requests == [
        {
            "path": "/api/available",
            "requirement_id": PLEDGE.id,
            "proof": PLEDGE.proof,
            "matter": PLEDGE.matter,
            "region": "330106",
        }
    ]


def test_a_platform_that_cannot_fetch_it_is_believed(asking):
    _, shared = asking({"available": False})
    assert shared.available(SHARED, "330106") == Availability(False, SHARED.data_source, asked=True)


@pytest.mark.parametrize("reply", [(503, {}, 0), {"available": "yes"}, b"", {}])
def test_without_a_usable_answer_the_catalogue_speaks_and_says_so(asking, reply):
    _, shared = asking(reply)
    assert shared.available(SHARED, "330106") == Availability(
        True, SHARED.data_source, asked=False, degraded=True
    )


def test_the_settings_choose():
    here = dataclasses.replace(read_settings(), shared_data_url="")
    assert isinstance(open_shared_data(here), CatalogueSharedData)
    there = dataclasses.replace(here, shared_data_url="https://data.example", shared_data_secret=SECRET)
    assert isinstance(open_shared_data(there), HttpSharedData)
