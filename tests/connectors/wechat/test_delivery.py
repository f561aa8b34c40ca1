"""Every answer once, in time, whatever comes again, late or at the same moment; in memory and in Redis."""

import asyncio
import secrets
import time

import pytest

from connectors.people import People
from connectors.shared_state import InMemory, InRedis
from connectors.wechat.delivery import MOST_BYTES, SEND_MOST, Delivery
from connectors.wechat.platform import PlatformError
from connectors.words import word

from .standin import redis_server

SOON, AGES = 0.3, 20.0  # seconds: when a reply is due that does not come in time, and one that does


class Sends:
    """Stands for the platform's customer-service call."""

    def __init__(self, may_send=True, codes=()):
        self.may_send, self.codes, self.sent = may_send, list(codes), []

    async def send_text(self, openid, text):
        if self.codes:
            raise PlatformError(self.codes.pop(0), "send")
        self.sent.append((openid, text))


@pytest.fixture(scope="module")
def redis_url():
    with redis_server() as url:
        yield url


@pytest.fixture(params=["memory", "redis"])
def run(request, monkeypatch):
    """Run a scenario with a People and a way to make deliveries that share it."""
    monkeypatch.setattr("connectors.wechat.delivery._YIELD_FIRST", 0.1)

    def go(scenario, platform=None):
        async def inside():
            url = request.getfixturevalue("redis_url") if request.param == "redis" else None
            shared = InRedis(url) if url else InMemory()
            people = People(shared, b"key", secrets.token_hex(8))
            made = []

            def deliver():
                made.append(Delivery(people, platform or Sends(may_send=False)))
                return made[-1]

            try:
                return await scenario(deliver, people)
            finally:
                for one in made:
                    await one.close()
                await shared.close()

        return asyncio.run(inside())

    return go


def answer(text, gate=None, count=None):
    """Make `text`, once `gate` is open where there is one."""

    async def make():
        if count is not None:
            count.append(text)
        if gate:
            await gate.wait()
        return text

    return make


def due(seconds=SOON):
    return time.monotonic() + seconds


async def until(people, holds):
    """Wait until `holds` is true of the person, however slow the machine is."""
    for _ in range(1000):
        async with people.changing("w") as person:
            if holds(person):
                return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came to be")


def test_a_message_is_replied_to_and_again_with_the_same(run):
    async def scenario(deliver, people):
        one, made = deliver(), []
        first = await one.reply("w", "o", "m1", answer("甲", None, made), due(AGES))
        again = await one.reply("w", "o", "m1", answer("乙", None, made), due(AGES))
        other = await deliver().reply("w", "o", "m1", answer("丙", None, made), due(AGES))
        return first, again, other, made

    assert run(scenario) == ("甲", "甲", "甲", ["甲"])


def test_retries_join_the_same_computation(run):
    async def scenario(deliver, people):
        made, one, two, gate = [], deliver(), deliver(), asyncio.Event()
        asyncio.get_running_loop().call_later(0.2, gate.set)
        return made, await asyncio.gather(
            *(d.reply("w", "o", "m1", answer("甲", gate, made), due(AGES)) for d in (one, two, one))
        )

    made, texts = run(scenario)
    assert texts == ["甲"] * 3 and made == ["甲"]


def test_a_late_answer_is_fetched_with_any_text_and_only_once(run):
    async def scenario(deliver, people):
        one, gate = deliver(), asyncio.Event()
        began = time.monotonic()
        first = await one.reply("w", "o", "m1", answer("甲", gate), due())
        took = time.monotonic() - began
        early = await one.reply("w", "o", "m2", answer("好", asyncio.Event()), due(), fetches=True)
        gate.set()
        await until(people, lambda person: "m1" in person.answers)
        third = await deliver().reply("w", "o", "m3", answer("好"), due(AGES), fetches=True)
        again = await one.reply("w", "o", "m3", answer("好"), due(AGES), fetches=True)
        retry = await one.reply("w", "o", "m1", answer("甲"), due(AGES))
        after = await one.reply("w", "o", "m4", answer("嗯"), due(AGES), fetches=True)
        return first, early, third, again, retry, after, took

    first, early, third, again, retry, after, took = run(scenario)
    assert first == early == word("wechat.late") and SOON <= took < SOON + 2
    assert third == again == "甲" and retry == "" and after == "嗯"


def test_a_retry_gets_the_late_answer(run):
    async def scenario(deliver, people):
        one, made, gate = deliver(), [], asyncio.Event()
        texts = [await one.reply("w", "o", "m1", answer("甲", gate, made), due()) for _ in range(2)]
        gate.set()
        texts.append(await one.reply("w", "o", "m1", answer("甲", gate, made), due(AGES)))
        return texts, made, await one.reply("w", "o", "m2", answer("乙"), due(AGES), fetches=True)

    texts, made, after = run(scenario)
    assert texts == [word("wechat.late"), word("wechat.late"), "甲"] and made == ["甲"] and after == "乙"


def test_a_question_asked_meanwhile_is_answered_with_the_late_one(run):
    async def scenario(deliver, people):
        one, gate = deliver(), asyncio.Event()
        await one.reply("w", "o", "m1", answer("甲", gate), due())
        gate.set()
        await until(people, lambda person: "m1" in person.answers)
        return await one.reply("w", "o", "m2", answer("乙"), due(AGES))

    assert run(scenario) == "甲\n\n乙"


def test_a_late_answer_that_is_ready_does_not_wait_for_the_next(run):
    async def scenario(deliver, people):
        one, gate, later = deliver(), asyncio.Event(), asyncio.Event()
        await one.reply("w", "o", "m1", answer("甲", gate), due())
        gate.set()
        await until(people, lambda person: "m1" in person.answers)
        both = await one.reply("w", "o", "m2", answer("乙", later), due())
        later.set()
        await until(people, lambda person: "m2" in person.answers)
        return both, await one.reply("w", "o", "m3", answer("丙"), due(AGES), fetches=True)

    both, rest = run(scenario)
    assert both == "甲\n\n" + word("wechat.also_late") and rest == "乙"


def test_where_the_account_may_a_late_answer_is_sent_once(run):
    sends = Sends()

    async def scenario(deliver, people):
        one, gate = deliver(), asyncio.Event()
        first = await one.reply("w", "o", "m1", answer("甲", gate), due())
        gate.set()
        await until(people, lambda _: sends.sent)
        retry = await one.reply("w", "o", "m1", answer("甲"), due(AGES))
        return first, retry, await one.reply("w", "o", "m2", answer("乙"), due(AGES), fetches=True)

    first, retry, after = run(scenario, sends)
    assert first == word("wechat.late_sent") and retry == "" and after == "乙"
    assert sends.sent == [("o", "甲")]


def test_a_retry_that_waits_goes_before_the_sending(run, monkeypatch):
    monkeypatch.setattr("connectors.wechat.delivery._YIELD_FIRST", 2.0)
    sends = Sends()

    async def scenario(deliver, people):
        one, gate = deliver(), asyncio.Event()
        await one.reply("w", "o", "m1", answer("甲", gate), due())
        asyncio.get_running_loop().call_later(0.2, gate.set)
        retry = await one.reply("w", "o", "m1", answer("甲"), due(AGES))
        await asyncio.sleep(2.2)
        return retry

    assert run(scenario, sends) == "甲" and sends.sent == []


@pytest.mark.parametrize("code", [45015, 45047, 48001, 45009, 0])
def test_what_cannot_be_sent_waits_to_be_fetched(run, code):
    sends = Sends(codes=[code])

    async def scenario(deliver, people):
        one, gate = deliver(), asyncio.Event()
        await one.reply("w", "o", "m1", answer("甲", gate), due())
        gate.set()
        await until(people, lambda person: person.rest)
        return await one.reply("w", "o", "m2", answer("乙"), due(AGES), fetches=True)

    assert run(scenario, sends) == word("wechat.continued") + "\n甲" and sends.sent == []


def test_no_more_messages_are_sent_than_the_platform_allows(run):
    sends, long = Sends(), "一句话。" * 900

    async def scenario(deliver, people):
        one, gate = deliver(), asyncio.Event()
        await one.reply("w", "o", "m1", answer(long, gate), due())
        gate.set()
        await until(people, lambda person: "m1" in person.answers)
        await asyncio.sleep(0.5)
        return await one.reply("w", "o", "m2", answer("乙"), due(AGES), fetches=True)

    fetched = run(scenario, sends)
    assert len(long.encode()) > SEND_MOST * MOST_BYTES and sends.sent == []
    assert fetched.startswith("一句话。") and fetched.endswith(word("wechat.more"))


def test_a_long_answer_comes_in_pieces_and_whole(run):
    long = "".join(f"第{n}句话说的是同一件事。" for n in range(300))

    async def scenario(deliver, people):
        one = deliver()
        texts = [await one.reply("w", "o", "m1", answer(long), due(AGES))]
        while texts[-1].endswith(word("wechat.more")):
            texts.append(await one.reply("w", "o", f"n{len(texts)}", answer("好"), due(AGES), fetches=True))
        return texts

    texts = run(scenario)
    assert len(texts) > 3 and all(len(t.encode()) <= MOST_BYTES for t in texts)
    bare = [t.removesuffix(word("wechat.more")).removeprefix(word("wechat.continued")).strip() for t in texts]
    assert "".join(bare) == long and all(b.endswith("。") for b in bare)


def test_who_leaves_while_an_answer_is_made_leaves_nothing(run):
    async def scenario(deliver, people):
        one, gate = deliver(), asyncio.Event()
        reply = asyncio.create_task(one.reply("w", "o", "m1", answer("甲", gate), due(1)))
        await until(people, lambda person: "m1" in person.begun)
        await people.forget("w")
        gate.set()
        text = await reply
        async with people.changing("w") as person:
            return text, person.answers, person.late

    assert run(scenario) == ("", {}, [])


def test_a_failure_is_told_and_says_nothing_in_the_log(run, caplog):
    async def scenario(deliver, people):
        async def make():
            raise ValueError("我的秘密")

        return await deliver().reply("w", "o", "m1", make, due())

    assert run(scenario) == word("wechat.error")
    assert "ValueError" in caplog.text and "秘密" not in caplog.text and "Traceback" not in caplog.text


def test_an_answer_that_its_process_never_finished_is_begun_anew(run, monkeypatch):
    async def scenario(deliver, people):
        dead, made = deliver(), []
        await dead.reply("w", "o", "m1", answer("甲", asyncio.Event(), made), due())
        await dead.close()
        monkeypatch.setattr("connectors.wechat.delivery._GIVEN_UP", 0.0)
        return await deliver().reply("w", "o", "m1", answer("甲", None, made), due(AGES)), made

    assert run(scenario) == ("甲", ["甲", "甲"])


def test_nobody_is_told_to_wait_for_what_a_dead_process_was_at(run, monkeypatch):
    async def scenario(deliver, people):
        dead = deliver()
        await dead.reply("w", "o", "m1", answer("甲", asyncio.Event()), due())
        await dead.close()
        monkeypatch.setattr("connectors.wechat.delivery._GIVEN_UP", 0.0)
        return await deliver().reply("w", "o", "m2", answer("乙"), due(AGES), fetches=True)

    assert run(scenario) == "乙"


def test_people_do_not_wait_for_each_other(run):
    async def scenario(deliver, people):
        one = deliver()
        gate = asyncio.Event()
        slow = asyncio.create_task(one.reply("w1", "o1", "m1", answer("甲", gate), due(AGES)))
        quick = await one.reply("w2", "o2", "m1", answer("乙"), due(AGES))
        waits = not slow.done()
        gate.set()
        return quick, waits, await slow

    assert run(scenario) == ("乙", True, "甲")
