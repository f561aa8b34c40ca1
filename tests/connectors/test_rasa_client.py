"""Asking Rasa: an answer or RasaDown, never anything else."""

import asyncio
import json
import logging

import httpx
import pytest

from connectors.rasa_client import RasaClient, RasaDown

MARK = "我的秘密是二二八"
ANSWER = {"outcome": "answered", "replies": []}


def client(handler):
    made = RasaClient("http://127.0.0.1:1", 1.0)
    made._http = httpx.AsyncClient(base_url="http://rasa", transport=httpx.MockTransport(handler))
    return made


def ask(handler, up=True):
    made = client(handler)
    made.up = up

    async def go():
        try:
            return await made.ask("s", MARK, "330100", {"proof": "x"})
        finally:
            await made.close()

    return made, asyncio.run(go())


def test_what_is_asked_and_answered():
    seen = []

    def handler(request):
        seen.append((request.url.path, json.loads(request.content)))
        return httpx.Response(200, json=[{"text": "first"}, {"recipient_id": "s", "custom": ANSWER}])

    made, answer = ask(handler, up=False)
    assert answer == ANSWER and made.up
    path, body = seen[0]
    assert path == "/webhooks/rest/webhook"
    assert body == {
        "sender": "s",
        "message": MARK,
        "metadata": {"region": "330100", "context": {"proof": "x"}},
    }


def raises(error):
    def handler(_):
        raise error

    return handler


@pytest.mark.parametrize(
    "handler",
    [
        lambda _: httpx.Response(500, json={"reason": MARK}),
        lambda _: httpx.Response(404),
        lambda _: httpx.Response(200, text="<html>"),
        lambda _: httpx.Response(200, json=[]),
        lambda _: httpx.Response(200, json=[{"text": "an error of Rasa's own"}]),
        lambda _: httpx.Response(200, json=[{"custom": {"other": 1}}]),
        lambda _: httpx.Response(200, json={"status": "failure"}),
        lambda _: httpx.Response(200, json=["text"]),
        lambda _: httpx.Response(200, json=None),
        lambda _: httpx.Response(200, content=b"\xff\xfe"),
        raises(httpx.ReadTimeout(MARK)),
        raises(httpx.ConnectError(MARK)),
        raises(httpx.RemoteProtocolError(MARK)),
    ],
)  # fmt: skip
def test_whatever_else_comes_is_rasa_being_down(handler, caplog):
    caplog.set_level(logging.DEBUG, "mianzheng")
    with pytest.raises(RasaDown):
        ask(handler)
    assert MARK not in "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("mianzheng"))


def test_the_watch_notices_that_rasa_is_back():
    answers = [httpx.Response(503), httpx.Response(200, json=[{"custom": ANSWER}])]

    async def go():
        made = client(lambda _: answers.pop(0) if len(answers) > 1 else answers[0])
        watching = asyncio.create_task(made.watch(0.01))
        for _ in range(200):
            await asyncio.sleep(0.02)
            if made.up:
                break
        watching.cancel()
        await made.close()
        return made.up

    assert asyncio.run(go())
