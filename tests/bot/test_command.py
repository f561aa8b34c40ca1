"""The `mianzheng` command: exit status 0, 1 (the answer is no), 2 (bad usage), failures in one sentence."""

import json
import os
import subprocess

import pytest
from click.testing import CliRunner

from bot.command import cli
from proof_catalogue.store import DATA

from ..support import CARD_FIELDS, COMMAND


@pytest.fixture
def catalogue(catalogue, monkeypatch):
    """The catalogue that is open already, for commands that run in this process."""
    monkeypatch.setattr("proof_catalogue.store.Catalogue", lambda path: catalogue)
    return catalogue


def call(*words):
    return CliRunner().invoke(cli, list(words), catch_exceptions=False)


def shell(*words, **environment):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MIANZHENG_")}
    return subprocess.run(
        [str(COMMAND), *words],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        cwd="/",
    )


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["run"],
        ["train"],
        ["evaluate"],
        ["catalogue"],
        ["catalogue", "search"],
        ["catalogue", "decide"],
        ["catalogue", "check"],
        ["catalogue", "links"],
        ["catalogue", "import"],
    ],
)
def test_help(words):
    found = call(*words, "--help")
    assert found.exit_code == 0 and "Usage" in found.output


@pytest.mark.parametrize("words", [["fly"], ["catalogue", "fly"], ["catalogue", "search"], ["run", "--now"]])
def test_bad_usage(words):
    assert call(*words).exit_code == 2


def test_decide(catalogue):
    found = call("catalogue", "decide", "清税证明", "--matter", "公司注销")
    assert found.exit_code == 0 and "F274 retained" in found.output
    found = call("catalogue", "decide", "清税证明", "--matter", "公司注销", "--json")
    held = json.loads(found.output)
    assert held["kind"] == "answer" and set(held["verdicts"][0]) == CARD_FIELDS


def test_decide_without_a_verdict(catalogue):
    assert call("catalogue", "decide", "飞碟驾驶证明").exit_code == 1


def test_a_place_that_is_none(catalogue):
    for words in (["decide", "收入证明"], ["search", "收入证明"]):
        found = call("catalogue", *words, "--region", "999999")
        assert found.exit_code == 2 and "999999" in found.output


def test_search(catalogue):
    found = call("catalogue", "search", "清税证明", "--json")
    assert found.exit_code == 0 and json.loads(found.output)[0]["requirement_id"] == "F274"
    assert call("catalogue", "search", "今天天气怎么样").exit_code == 1
    assert "F119" in call("catalogue", "search", "公积金贷款 收入证明", "--region", "331000").output


def test_check(catalogue):
    found = call("catalogue", "check")
    assert found.exit_code == 0 and "no errors" in found.output and "notice" in found.output


def test_import(catalogue):
    found = call("catalogue", "import")
    assert found.exit_code == 0 and "362 requirements" in found.output


def test_failures_are_one_sentence():
    found = shell("run", MIANZHENG_PORT="abc")
    assert found.returncode not in (0, None) and found.stdout == ""
    assert (
        found.stderr.count("\n") == 1 and "MIANZHENG_PORT" in found.stderr and "Traceback" not in found.stderr
    )


def test_it_works_from_any_folder(catalogue):
    found = shell("catalogue", "search", "清税证明")
    assert found.returncode == 0 and "F274" in found.stdout
    assert DATA.exists()


def test_a_data_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    found = shell("catalogue", "search", "清税证明", MIANZHENG_DATA=str(tmp_path / "file" / "var"))
    assert found.returncode == 1 and "Traceback" not in found.stderr, found.stderr[-500:]
