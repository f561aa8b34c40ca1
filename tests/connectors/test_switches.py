"""Switching a channel off and on, by whom and why."""

import json

import click.testing
import pytest

from bot.command import cli
from connectors.problems import Problem
from connectors.switches import CHANNELS, Switches
from connectors.words import word

QUESTION = "公司注销要清税证明吗"


@pytest.fixture
def switches(web, tmp_path, monkeypatch):
    held = Switches(tmp_path)
    monkeypatch.setattr(web.app.state, "switches", held)
    return held


def test_all_are_on_until_one_is_switched(switches):
    for name in CHANNELS:
        switches.check(name)


def test_a_change_counts_at_once_in_every_process(switches, tmp_path):
    other = Switches(tmp_path)
    other.check("web")
    switches.set("web", False, "证书过期", "网页维护中。")
    with pytest.raises(Problem) as raised:
        other.check("web")
    assert raised.value.status == 503 and raised.value.detail == "网页维护中。"
    other.check("api")
    switches.set("web", True, "换好了")
    other.check("web")


def test_every_change_is_written_down(switches, tmp_path):
    switches.set("wechat", False, "维护", by="张工")
    switches.set("wechat", True, "好了", by="李工")
    lines = [
        json.loads(x) for x in (tmp_path / "channels.audit.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert [(x["on"], x["comment"], x["by"]) for x in lines] == [
        (False, "维护", "张工"),
        (True, "好了", "李工"),
    ]
    assert lines[0]["message"] == word("channel.switched_off") and all(x["at"] for x in lines)


@pytest.mark.parametrize("channel, comment", [("fax", "x"), ("web", ""), ("web", "  ")])
def test_no_change_without_a_channel_and_a_comment(switches, channel, comment):
    with pytest.raises(ValueError):
        switches.set(channel, False, comment)
    assert switches.all() == {}


def test_the_page_and_the_api_say_what_staff_wrote(web, switches):
    switches.set("api", False, "x", "接口维护。")
    refused = web.post("/api/chat", json={"message": QUESTION})
    assert refused.status_code == 503 and refused.json()["detail"] == "接口维护。"
    assert web.post("/", data={"message": QUESTION}).status_code == 303
    switches.set("web", False, "x", "网页维护。")
    page = web.post("/", data={"message": QUESTION})
    assert page.status_code == 503 and "网页维护。" in page.text


def test_from_the_command_line(tmp_path, monkeypatch):
    monkeypatch.setenv("MIANZHENG_DATA", str(tmp_path))
    run = click.testing.CliRunner()
    assert run.invoke(cli, ["channel", "off", "wechat"]).exit_code == 2, "no comment"
    assert run.invoke(cli, ["channel", "off", "fax", "--comment", "x"]).exit_code == 2
    assert (
        run.invoke(cli, ["channel", "off", "wechat", "--comment", "维护", "--message", "八点回来"]).exit_code
        == 0
    )
    shown = run.invoke(cli, ["channel", "list"]).output
    assert "OFF" in shown and "维护" in shown
    assert (
        json.loads(run.invoke(cli, ["channel", "list", "--json"]).output)["wechat"]["message"] == "八点回来"
    )
    assert run.invoke(cli, ["channel", "on", "wechat", "--comment", "好了"]).exit_code == 0
    assert "OFF" not in run.invoke(cli, ["channel", "list"]).output
