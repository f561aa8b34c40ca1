"""The real web process between stand-ins: messages that come again, answers that are late, two processes with one Redis."""

import asyncio
import contextlib
import random
import re

import httpx
import pytest

from connectors.words import word

from ...support import free_ports
from .standin import (
    MARK,
    Account,
    Platform,
    SlowRasa,
    WebProcess,
    account_environment,
    load,
    message_xml,
    redis_server,
    serving,
)

ACCOUNT = Account()
SECRET_WORDS = "张三丰的秘密"


@pytest.fixture
def running(tmp_path, catalogue, here):
    """Start web processes beside a stand-in for Rasa and one for the platform; end them after."""
    with contextlib.ExitStack() as stack:
        rasa = SlowRasa(free_ports(1)[0])
        stack.enter_context(serving(rasa.app(), rasa.port))

        def start(mode, sends, count=1, **environment):
            data = tmp_path / "data"
            data.mkdir(exist_ok=True)
            if not (data / "catalogue").exists():
                (data / "catalogue").symlink_to(here.data / "catalogue")
            webs = []
            platform = Platform("", ACCOUNT, mode)
            stack.enter_context(serving(platform.app(), platform.port))
            for n in range(count):
                webs.append(
                    WebProcess(
                        tmp_path / f"log-{n}",
                        {
                            **account_environment(ACCOUNT, platform if sends else None, mode != "plain"),
                            "MIANZHENG_DATA": str(data),
                            "MIANZHENG_RASA_PORT": str(rasa.port),
                            "MIANZHENG_DEADLINE": "20",
                            **environment,
                        },
                    )
                )
                webs[-1].start(rasa=True)
                stack.callback(webs[-1].end)
            platform.callback = webs[0].callback
            return webs, platform, rasa

        yield start


@pytest.mark.parametrize("mode, sends", [("plain", False), ("safe", True), ("compatible", True)])
def test_everybody_gets_every_answer_once_and_in_time(running, mode, sends):
    webs, platform, rasa = running(mode, sends)
    figures = asyncio.run(load(platform, people=12, each=4, retried=0.25, slow=0.15, at_once=12))
    assert figures["retried"] > 5 and figures["slow"] > 3, figures
    assert figures["never"] == figures["twice"] == figures["strange"] == 0, figures
    assert figures["timeouts"] == 0 and figures["longest"] < 5, figures
    assert bool(figures["by_customer_service"]) == sends
    asked = [m for m in rasa.asked if m.startswith("q")]
    assert len(asked) == len(set(asked)) == figures["messages"], "a message was answered more than once"
    logged = webs[0].log.read_text()
    assert "问q" not in logged and "openid" not in logged and "Traceback" not in logged, logged


def test_an_account_that_may_not_send_hands_out_with_the_next_message(running):
    _, platform, _ = running("safe", True)
    platform.always = 48001
    figures = asyncio.run(load(platform, people=4, each=2, retried=0.0, slow=0.5, at_once=4, seed=3))
    # Who was told that the answer would be sent, and did not get it, writes something.
    unseen = figures["never"]
    assert figures["slow"] >= 2 and figures["twice"] == 0 and figures["by_customer_service"] == 0

    async def fetch():
        found = []
        async with httpx.AsyncClient(trust_env=False) as http:
            for n in range(4):
                found += MARK.findall(
                    await platform.send(http, message_xml(f"openid-{n:05d}-3", Content="好"))
                )
        return found

    assert len(set(asyncio.run(fetch())) & {f"q{n}x{m}" for n in range(4) for m in range(2)}) == unseen


def test_a_message_that_comes_again_at_another_process_joins(running):
    with redis_server() as url:
        webs, platform, rasa = running("safe", False, count=2, MIANZHENG_REDIS_URL=url)

        async def go():
            async with httpx.AsyncClient(trust_env=False) as http:
                xml = message_xml("openid-two", Content="慢慢问q7x7")
                first = platform.read(await platform.post(http, xml))
                platform.callback = webs[1].callback
                second = platform.read(await platform.post(http, xml))
                platform.callback = webs[0].callback
                third = platform.read(await platform.post(http, message_xml("openid-two", Content="好")))
                choice = platform.read(await platform.post(http, message_xml("openid-two", Content="选q8x8")))
                platform.callback = webs[1].callback
                chosen = platform.read(await platform.post(http, message_xml("openid-two", Content="2")))
                return first, second, third, choice, chosen

        first, second, third, choice, chosen = asyncio.run(go())
        assert first == word("wechat.late") and MARK.findall(second) == ["q7x7"]
        assert "q7x7" not in third and rasa.asked.count("q7x7") == 1
        assert "2. 转人工" in choice and "/human" in chosen, "the menu is not known to the other process"
        assert not re.search("ERROR|Traceback", "".join(w.log.read_text() for w in webs))


def test_hostile_requests_leave_the_process_well_and_the_log_empty(running):
    webs, platform, _ = running("safe", False)
    bomb = b'<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><xml><MsgType>text</MsgType><Content>&b;</Content></xml>'

    async def go():
        seen = []
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            for body in (
                bomb,
                b"<xml>" + SECRET_WORDS.encode() * 60_000,
                SECRET_WORDS.encode("gbk"),
                message_xml("o", Content=SECRET_WORDS)[:-3],
                b"<xml><Content>\x01\x02</Content></xml>",
                random.Random(1).randbytes(5000),
            ):
                wrapped = ACCOUNT.wrap(body, "safe")
                for query, sent in (
                    wrapped,
                    (wrapped[0], body),
                    ({**wrapped[0], "signature": "0" * 40}, body),
                ):
                    response = await http.post(webs[0].callback, params=query, content=sent)
                    seen.append((response.status_code, response.content))
            stale = ACCOUNT.query(1_600_000_000.0)
            seen.append(((await http.post(webs[0].callback, params=stale, content=b"")).status_code, b""))
            said = platform.read(
                await platform.post(http, message_xml("o2", Content=f"{SECRET_WORDS}😀\u200b要证明吗q1x1"))
            )
            return seen, said

    seen, said = asyncio.run(go())
    assert {status for status, _ in seen} <= {400, 403, 413} and all(body == b"" for _, body in seen)
    assert MARK.findall(said) == ["q1x1"]
    logged = webs[0].log.read_text()
    assert "张三丰" not in logged and "Traceback" not in logged and "openid" not in logged, logged
