"""Calls to the platform, against its stand-in: one token for all, renewed in time, every code handled."""

import asyncio
import json
import stat

import click.testing
import pytest

from bot.command import cli
from bot.settings import WeChatSettings
from connectors.shared_state import InFiles
from connectors.wechat import platform as calls
from connectors.wechat.menu import buttons, menu_tree, platform_menu
from connectors.wechat.platform import PlatformError
from connectors.words import held

from .standin import Account, Platform, serving

ACCOUNT = Account()


@pytest.fixture
def standin():
    held = Platform("http://unused", ACCOUNT)
    held.since["o"] = 0
    with serving(held.app(), held.port):
        yield held


@pytest.fixture
def go(standin, tmp_path, monkeypatch):
    """Run a scenario with a way to make callers that share a data folder."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    def run(scenario):
        settings = WeChatSettings(
            ACCOUNT.token, ACCOUNT.app_id, "", ACCOUNT.secret, f"http://127.0.0.1:{standin.port}"
        )

        async def inside():
            made = []

            def caller():
                made.append(calls.Platform(settings, InFiles(tmp_path)))
                return made[-1]

            try:
                return await scenario(caller)
            finally:
                for one in made:
                    await one.close()

        return asyncio.run(inside())

    return run


def test_one_token_serves_all_callers(standin, go, tmp_path):
    async def scenario(caller):
        many = [caller() for _ in range(4)]
        await asyncio.gather(*(one.send_text("o", f"第{n}条") for n, one in enumerate(many)))

    go(scenario)
    assert standin.asked_for_token == 1 and len(standin.sent["o"]) == 4 and not standin.bad_calls
    kept = tmp_path / "wechat_token.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600 and ACCOUNT.secret not in kept.read_text()


def test_a_token_is_renewed_before_it_ends(standin, go, tmp_path, monkeypatch):
    async def scenario(caller):
        one = caller()
        await one.send_text("o", "一")
        now = calls.time.time()
        monkeypatch.setattr(calls.time, "time", lambda: now + 7200 - calls.RENEW_BEFORE - 5)
        await one.send_text("o", "二")
        assert standin.asked_for_token == 1
        monkeypatch.setattr(calls.time, "time", lambda: now + 7200 - calls.RENEW_BEFORE + 5)
        await asyncio.gather(one.send_text("o", "三"), caller().send_text("o", "四"))

    go(scenario)
    assert standin.asked_for_token == 2 and len(standin.sent["o"]) == 4 and not standin.bad_calls


@pytest.mark.parametrize("code", [40001, 42001, 40014])
def test_a_token_that_no_longer_counts_is_replaced_once(standin, go, code):
    async def scenario(caller):
        one = caller()
        await one.send_text("o", "一")
        standin.tokens.append("made by somebody else")  # ours counts for nothing now
        await one.send_text("o", "二")
        standin.fail = [code]
        await one.send_text("o", "三")
        standin.fail = [code, code]
        with pytest.raises(PlatformError) as raised:
            await one.send_text("o", "四")
        return raised.value.code

    assert go(scenario) == code
    assert standin.sent["o"] == ["一", "二", "三"]


def test_a_busy_platform_is_asked_again(standin, go):
    standin.fail = [-1]
    go(lambda caller: caller().send_text("o", "一"))
    assert standin.sent["o"] == ["一"]


@pytest.mark.parametrize(
    "code, pauses",
    [(45009, True), (48001, True), (45011, True), (45015, False), (45047, False), (40003, False)],
)
def test_refusals_are_told_apart(standin, go, code, pauses):
    standin.fail = [code]

    async def scenario(caller):
        one = caller()
        assert one.may_send
        with pytest.raises(PlatformError) as raised:
            await one.send_text("o", "一")
        return raised.value.code, one.may_send

    assert go(scenario) == (code, not pauses)


def test_the_platform_s_own_bounds(standin, go):
    async def scenario(caller):
        one = caller()
        for n in range(5):
            await one.send_text("o", str(n))
        codes = []
        for openid in ("o", "never-wrote"):
            with pytest.raises(PlatformError) as raised:
                await one.send_text(openid, "x")
            codes.append(raised.value.code)
        return codes

    assert go(scenario) == [45047, 45015]


def test_a_platform_that_is_not_there(go, standin, tmp_path):
    async def scenario(_):
        lost = calls.Platform(WeChatSettings("t", "wx", "", "s", "http://127.0.0.1:1"), InFiles(tmp_path))
        try:
            with pytest.raises(PlatformError) as raised:
                await lost.send_text("o", "x")
            return raised.value.code, str(raised.value)
        finally:
            await lost.close()

    code, said = go(scenario)
    assert code == 0 and "secret" not in said and "token" in said


def test_a_wrong_secret_is_named_by_its_code(standin, tmp_path):
    async def inside():
        wrong = calls.Platform(
            WeChatSettings("t", ACCOUNT.app_id, "", "wrong", f"http://127.0.0.1:{standin.port}"),
            InFiles(tmp_path),
        )
        try:
            await wrong.send_text("o", "x")
        finally:
            await wrong.close()

    with pytest.raises(PlatformError) as raised:
        asyncio.run(inside())
    assert raised.value.code == 40013


def test_the_menu_fits_the_platform_and_its_buttons_do_something():
    assert len(menu_tree()) <= 3
    keys = [b["key"] for top in menu_tree() for b in top["below"]]
    assert len(keys) == len(set(keys)) == len(buttons())
    for top in menu_tree():
        assert 1 <= len(top["below"]) <= 5 and len(top["name"].encode()) <= 16
    for button in buttons().values():
        assert len(button["name"].encode()) <= 60
        assert len({"asks", "says", "opens"} & set(button)) == 1
        assert "says" not in button or held(button["says"])
    made = json.dumps(platform_menu("https://page.example"), ensure_ascii=False)
    assert "https://page.example/" in made and '"view"' in made
    assert "view" not in json.dumps(platform_menu(""))


def test_the_menu_is_set_from_the_command_line(standin, tmp_path, monkeypatch):
    for name, value in {
        "MIANZHENG_WECHAT_APP_ID": ACCOUNT.app_id,
        "MIANZHENG_WECHAT_APP_SECRET": ACCOUNT.secret,
        "MIANZHENG_WECHAT_API_BASE": f"http://127.0.0.1:{standin.port}",
        "MIANZHENG_DATA": str(tmp_path),
        "MIANZHENG_PUBLIC_URL": "https://page.example",
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    run = click.testing.CliRunner()
    shown = run.invoke(cli, ["wechat", "menu", "--dry-run"])
    assert shown.exit_code == 0 and not standin.menus
    assert run.invoke(cli, ["wechat", "menu"]).exit_code == 0
    assert standin.menus == [json.loads(shown.output)]
    assert run.invoke(cli, ["wechat", "menu", "--delete"]).exit_code == 0
    assert standin.menus[1] is None and standin.asked_for_token == 1, (
        "the token is not shared between commands"
    )
    standin.fail = [48001]
    refused = run.invoke(cli, ["wechat", "menu"])
    assert refused.exit_code == 1 and "48001" in str(refused.exception or refused.output)
