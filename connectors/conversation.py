"""One turn of a conversation, the same for every channel: guard, ask Rasa, or answer from the catalogue when it is down."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from typing import Any

from fastapi import FastAPI

from bot.answer import Answer, Reply
from bot.answering import answer_message, choose, choose_none
from bot.context import Context
from bot.message import Message
from bot.paths.form import Talk
from bot.paths.guide import Guide
from bot.words import say
from proof_catalogue.store import Catalogue
from proof_catalogue.text import clean

from .guards import Guarded, guard
from .plain_text import wants_human
from .problems import Problem
from .rasa_client import RasaClient, RasaDown
from .sessions import Session
from .words import word

log = logging.getLogger("mianzheng.conversation")


async def converse(
    app: FastAPI,
    *,
    session_id: str | None,
    message: str | None,
    payload: str | None,
    region: str | None,
    channel: str,
    client: str,
    once: str = "",
) -> dict[str, Any]:
    """Take one turn and return the reply of the wire contract.

    Exactly one of `message` and `payload` counts, the payload first. `region` is a GB/T 2260 code or None; `client` is
    what the rate limit counts by, besides the conversation. What comes again with the mark `once` gets the reply that it
    got before. Raises Problem: 422 for what is wrong with which field, 429
    when asked too often, 503 while the catalogue is not open yet or staff have switched the channel off.
    """
    state = app.state
    if getattr(state, "catalogue", None) is None:
        raise Problem(503, "Starting", "系统正在启动，请稍等几秒再试。", headers={"Retry-After": "3"})
    state.switches.check(channel)
    state.limiter.check(client)
    if region is not None and region not in state.catalogue.regions:
        raise Problem(422, "Unknown region", "没有这个行政区划代码。", "region")
    on_page = channel == "web"
    session: Session | None = await state.sessions.find(session_id) if on_page else None
    session = session or state.sessions.open(session_id)
    state.person_limiter.check(session.id)
    if payload is not None and payload not in session.offered:
        raise Problem(422, "Unknown payload", "这个按钮已经失效，请重新提问。", "payload")
    guarded = None if payload is not None else guard(message or "")
    async with state.sessions.turning(session, keep=on_page):
        said = session.offered[payload] if payload is not None else guarded.text if guarded else ""
        earlier = session.reply_to(once, said)
        if earlier is not None:
            return earlier
        if (region is not None or on_page) and region != session.region and session.context:
            # A region newly chosen on the page outweighs the one that was talked about.
            session.context = {**session.context, "region": None}
        if region is not None or on_page:
            session.region = region  # on the page, no choice is a choice
        made = await _answer(state, session, payload, guarded, message or "")
        reply = {
            "session_id": session.id,
            "message_id": secrets.token_hex(8),
            "intent": {"name": "", "confidence": 0.0},
            "degraded": False,
            "edition": state.catalogue.meta["edition"],
            **made,
        }
        context = reply.pop("context", None) or session.context or {}
        session.context = context
        if on_page and context.get("region"):
            session.region = context["region"]  # the page's region choice follows the conversation
        reply["slots"] = _slots(state.catalogue, context, session.region)
        session.keep(said, reply, once)
        return reply


def _slots(catalogue: Catalogue, context: dict[str, Any], profile: str | None) -> dict[str, Any]:
    code = context.get("region") or profile
    region = (
        {"code": code, "name": catalogue.regions.get(code).name}
        if code and code in catalogue.regions
        else None
    )
    return {"proof": context.get("proof"), "matter": context.get("matter"), "region": region}


def _fixed(outcome: str, text: str, intent: str) -> dict[str, Any]:
    return {**Answer(outcome, [Reply(text)]).wire(), "intent": {"name": intent, "confidence": 1.0}}


async def _answer(
    state: Any, session: Session, payload: str | None, guarded: Guarded | None, message: str
) -> dict[str, Any]:
    """Answer one turn; results that the citizen has not heard of yet come with it."""
    guide: Guide = state.guide
    talk = await asyncio.to_thread(_talk, guide, session)
    try:
        made = await _made(state, session, talk, payload, guarded, message)
        if not (guarded and (guarded.attack or guarded.crisis)) and made["outcome"] != "error":
            news = await asyncio.to_thread(guide.news, talk)
            if news is not None:
                made["replies"].append(Answer("smalltalk", [news]).wire()["replies"][0])
        return made
    finally:
        session.form = talk.form


async def _made(
    state: Any, session: Session, talk: Talk, payload: str | None, guarded: Guarded | None, message: str
) -> dict[str, Any]:
    """Answer what was said: what is meant for a form or a case never reaches Rasa, everything else does, masked."""
    guide: Guide = state.guide
    if guarded is not None and guarded.attack:
        made = _fixed("guardrail_attack", say("guardrail_attack"), "attack")
    elif guarded is not None and guarded.crisis:
        return _fixed("handoff", say("crisis"), "human")
    elif payload == "human" or (guarded is not None and wants_human(guarded.text)):
        # Typed or pressed, in any state, with Rasa or without.
        made = await _handed_off(
            session, guide, talk, await _asked(state, session, "human", guarded), guarded
        )
    else:
        heard = await asyncio.to_thread(_heard, guide, talk, payload, message)
        if heard is not None:
            return {**heard.wire(), "intent": {"name": "inform", "confidence": 1.0}}
        if guarded is not None and guarded.nothing_left:
            made = _fixed("guardrail_privacy", say("guardrail_privacy"), "privacy")
        else:
            made = await _asked(state, session, payload, guarded)
            task = made.pop("task", None)
            if task is not None:
                begun = await asyncio.to_thread(guide.begin, talk, task, clean(message), Answer.of(made))
                made = {**made, **begun.wire()}
            elif made["outcome"] == "handoff" and (made.get("intent") or {}).get("name") == "human":
                made = await _handed_off(session, guide, talk, made, guarded)
    return await asyncio.to_thread(guide.after, talk, made, clean(message))


async def _handed_off(
    session: Session, guide: Guide, talk: Talk, made: dict[str, Any], guarded: Guarded | None
) -> dict[str, Any]:
    """Return the words on how to reach a person, with the callback request that was left and what it offers."""
    turns = transcript(session.turns) + ([{"who": "citizen", "text": guarded.text}] if guarded else [])
    left = await asyncio.to_thread(guide.hand_off, talk, turns)
    answer = Answer.of(made)
    answer.replies[-1].text += "\n" + left.text
    answer.replies[-1].buttons += left.buttons
    return {**made, **answer.wire()}


def transcript(turns: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return a conversation as it may be left to staff: numbers masked, and nothing of what was said to a form."""
    kept, form = [], None
    for turn in turns:
        reply = turn["reply"]
        to_form = reply["intent"]["name"] == "inform" and (form or reply["form"])
        texts = [r["text"] for r in reply["replies"]]
        said = word("transcript.to_form") if to_form else turn["message"]
        answered = word("transcript.of_form") if to_form else "\n".join(texts)
        kept += [{"who": "citizen", "text": said}, {"who": "assistant", "text": answered}]
        form = reply["form"]
    return kept


def _talk(guide: Guide, session: Session) -> Talk:
    context = session.context or {}
    talk = Talk(
        guide.casebook.owner_of(session.id),
        context.get("region") or session.region,
        context.get("row"),
        session.form,
    )
    if not session.woken:
        guide.wake(talk)
        session.woken = True
    return talk


def _heard(guide: Guide, talk: Talk, payload: str | None, message: str) -> Answer | None:
    if payload is None:
        return guide.hear(talk, clean(message))
    return guide.press(talk, payload) if guide.knows(payload) else None


async def _asked(
    state: Any, session: Session, payload: str | None, guarded: Guarded | None
) -> dict[str, Any]:
    text = _rasa_payload(payload) if payload is not None else guarded.text if guarded else ""
    rasa: RasaClient = state.rasa
    try:
        if not rasa.up:
            raise RasaDown("known to be down")
        made = await rasa.ask(session.id, text, session.region, session.context)
    except RasaDown:
        try:
            made = await asyncio.to_thread(_degraded, state.catalogue, session, payload, text)
        except Exception as error:
            log.error("the catalogue could not answer: %s", type(error).__name__)
            made = _fixed("error", say("error"), "")
    if guarded is not None and guarded.masked:
        made["replies"][-1]["text"] += "\n" + say("privacy_note")
    return made


def _rasa_payload(payload: str) -> str:
    if payload == "human":
        return "/human"
    if payload.startswith("choose:"):
        return "/choose" + json.dumps({"requirement_id": payload.removeprefix("choose:")})
    return "/choose_none"


def _degraded(catalogue: Catalogue, session: Session, payload: str | None, text: str) -> dict[str, Any]:
    """Answer from the catalogue alone: no intents, so every message is taken for a question."""
    context = Context.of(session.context)
    if payload is not None and payload.startswith("choose:"):
        answer, context = choose(catalogue, payload.removeprefix("choose:"), context)
    elif payload == "none":
        answer, context = choose_none(catalogue, context)
    else:
        intent = "human" if payload == "human" else "ask_need_proof"
        links = catalogue.linker.link(text)
        message = Message(
            text,
            intent,
            1.0 if payload == "human" else 0.0,
            links,
            catalogue.near(links.text),
            session.region,
        )
        answer, context = answer_message(catalogue, message, context)
    answer.replies[-1].text += "\n" + say("degraded")
    return {
        **answer.wire(),
        "context": context.json(),
        "degraded": True,
        "edition": catalogue.meta["edition"],
    }
