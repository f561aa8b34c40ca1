"""The short form of the evaluation against the running system: what CI holds every change to."""

import json
import time

import pytest
from click.testing import CliRunner

from bot.command import cli

pytestmark = pytest.mark.stack
LIMIT = 120  # seconds
DEFINITE_WRONG, SLACK = 3.0, 2.0  # percent; the short form is small


def test_nothing_has_dropped_against_the_baseline(stack, tmp_path):
    begun = time.monotonic()
    found = CliRunner().invoke(
        cli, ["evaluate", "--base", stack.base, "--split", "all", "--short", "--mistakes", "--report", str(tmp_path)]
    )  # fmt: skip
    took = time.monotonic() - begun
    assert found.exit_code == 0, found.output
    assert took < LIMIT, f"{took:.0f} s"
    data = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert data["about"]["short"] and data["all"]["total"] > 200
    wrong = next(s for s in data["five"] if s["name"] == "definite_wrong")
    assert wrong["percent"] <= DEFINITE_WRONG + SLACK, found.output
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_a_drop_is_exit_status_1(stack, tmp_path, monkeypatch):
    from nlu.evaluation import report as reports

    held = reports.read_baseline()
    # As if everything had been right before.
    ideal = {**held, "asked": dict.fromkeys(held["asked"], "right")}
    monkeypatch.setattr(reports, "read_baseline", lambda: ideal)
    words = ["evaluate", "--base", stack.base, "--split", "development", "--short", "--report", str(tmp_path)]
    found = CliRunner().invoke(cli, words)
    assert found.exit_code == 1 and "DROPPED" in found.output


def test_a_system_that_is_not_there_is_one_sentence(tmp_path):
    found = CliRunner().invoke(cli, ["evaluate", "--base", "http://127.0.0.1:9", "--report", str(tmp_path)])
    assert found.exit_code == 1 and "does not answer" in found.output and "Traceback" not in found.output


@pytest.mark.parametrize("words", [["--record"], ["--record", "--split", "all", "--short"], ["--split", "x"]])
def test_bad_usage(words):
    assert CliRunner().invoke(cli, ["evaluate", *words]).exit_code == 2
