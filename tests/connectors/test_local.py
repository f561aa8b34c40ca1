"""The console channel gives what every channel gives."""

import asyncio

from connectors.local import Local
from connectors.switches import Switches


def turns(web, channel, *lines):
    async def go():
        return [await channel.turn(web.app, line) for line in lines]

    return asyncio.run(go())


def test_a_conversation(web):
    channel = Local()
    first, picked, human, empty = turns(web, channel, "我要开无犯罪记录证明", "1", "转人工", "   ")
    assert "1. " in first and ("依据" in picked or "来源" in picked)
    assert "12345" in human and "请写下" in empty


def test_the_region_given_at_the_start_counts(web):
    channel = Local("330200")
    turns(web, channel, "单位要我开收入证明")
    assert web.app.state.sessions.get(channel._session).region == "330200"


def test_it_can_be_switched_off(web, tmp_path, monkeypatch):
    monkeypatch.setattr(web.app.state, "switches", Switches(tmp_path))
    web.app.state.switches.set("local", False, "x", "停用。")
    assert turns(web, Local(), "要证明吗") == ["停用。"]
