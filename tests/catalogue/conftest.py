"""Fixtures: a small catalogue of one's own, and its editions."""

import json
import shutil

import pytest
import yaml

from proof_catalogue.editions import Editions
from proof_catalogue.store import DATA

from .small import ROWS, write_rows


def _only(entries):
    kept = [{**e, "requirements": [r for r in e.get("requirements") or [] if r in ROWS]} for e in entries]
    return [e for e in kept if e["requirements"]]


@pytest.fixture
def data(tmp_path, small_data):
    """A data folder of one's own with seven rows, which builds in a blink."""
    return shutil.copytree(small_data, tmp_path / "data")


@pytest.fixture(scope="session")
def small_data(tmp_path_factory):
    """Seven of the shipped rows with what they refer to."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "matters").mkdir(parents=True)
    lines = (DATA / "requirements.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [r for r in map(json.loads, lines) if r["id"] in ROWS]
    for row in rows:
        row["see_also"] = [r for r in row["see_also"] if r in ROWS]
        row["aliases"] = row["aliases"][:1]
    write_rows(folder, rows)
    for name in ("edition.yml", "former_regions.csv", "region_names.yml"):
        shutil.copy(DATA / name, folder)
    places = (DATA / "regions.csv").read_text("utf-8").splitlines(keepends=True)
    (folder / "regions.csv").write_text(
        "".join(x for x in places if x[:2] in ("co", "00", "33")), encoding="utf-8"
    )
    matters = [
        e for p in sorted((DATA / "matters").glob("*.yml")) for e in yaml.safe_load(p.read_text("utf-8"))
    ]
    for name, entries in (
        ("proofs.yml", yaml.safe_load((DATA / "proofs.yml").read_text("utf-8"))),
        ("matters/all.yml", matters),
    ):
        (folder / name).write_text(yaml.safe_dump(_only(entries), allow_unicode=True), encoding="utf-8")
    (folder / "conflicts.yml").write_text("- {rows: [F215, F217, F218], prevails: F215}\n", encoding="utf-8")
    faqs = yaml.safe_load((DATA / "faqs.yml").read_text("utf-8"))[:1]
    (folder / "faqs.yml").write_text(
        yaml.safe_dump([{**faqs[0], "variants": []}], allow_unicode=True), encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="session")
def published(small_data, tmp_path_factory):
    """A data folder with the small data published, made once."""
    folder = tmp_path_factory.mktemp("published")
    Editions(folder).install(small_data)
    return folder


@pytest.fixture
def folder(published, tmp_path):
    """A copy of it, for a test to do with what it likes."""
    return shutil.copytree(published, tmp_path / "var")


@pytest.fixture
def editions(folder):
    """Its editions."""
    return Editions(folder)
