"""The WeChat channel and its address /wechat/callback."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml
from fastapi import APIRouter, FastAPI, Request, Response
from starlette.requests import ClientDisconnect

from bot.settings import Settings
from proof_catalogue.regions import Region
from proof_catalogue.text import clean

from ..channel import Channel, Incoming
from ..people import People, Person, local_key
from ..plain_text import chosen, menu, reply_text, showable
from ..problems import Problem
from ..shared_state import InMemory, InRedis, Shared
from ..words import held, word
from .delivery import Delivery
from .envelope import MAX_BODY, WINDOW, Envelope, Refused, text_xml
from .menu import buttons
from .messages import Message, read_message
from .places import region_at
from .platform import Platform, shared_by_all

log = logging.getLogger("mianzheng.wechat")

REPLY_WITHIN = 4.2  # seconds from a request's arrival to its reply; the platform waits five
NOTHING = "success"  # what the platform takes for "no reply"
_UNTOLD = {
    "image",
    "video",
    "shortvideo",
    "file",
    "link",
    "location",
    "voice",
}  # kinds with words of their own

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Call:
    """One request of the platform, with the message that was in it once it is opened."""

    query: Mapping[str, str]
    body: bytes = b""
    message: Message | None = None


class WeChat(Channel[Call, str]):
    """The Official Account of one installation; `start` opens what it needs, `close` gives it up."""

    name = "wechat"

    def __init__(self, app: FastAPI, settings: Settings):
        self._app, self._settings = app, settings
        self._envelope = Envelope(settings.wechat)

    async def start(self) -> None:
        """Open the stores. Raises OSError if the data folder cannot be written."""
        url, folder = self._settings.redis_url, self._settings.data
        shared: Shared = InRedis(url) if url else InMemory()
        self._nonces: Shared = InRedis(url) if url else InMemory(200_000)
        key = await asyncio.to_thread(local_key, folder)
        self._people = People(shared, key, self.name)
        tokens = shared_by_all(self._settings)
        self._platform = Platform(self._settings.wechat, tokens)
        self._delivery = Delivery(self._people, self._platform)
        self._scenes = await asyncio.to_thread(_read_scenes, folder / "scenes.yml")
        self._open: list[Shared] = [shared, self._nonces, tokens]

    async def close(self) -> None:
        """End what is under way and close all connections."""
        await self._delivery.close()
        await self._platform.close()
        for shared in self._open:
            await shared.close()

    # --- the contract ---------------------------------------------------------------------------

    def verify(self, came: Call) -> None:
        """As Channel says; raises Refused, which is answered without a word."""
        self._envelope.verify(came.query)

    async def parse(self, came: Call) -> Incoming:
        """Return what the opened message asks, its numbers read as choices of the last menu."""
        message = came.message
        assert message is not None
        who = self._people.hashed(message.openid)
        async with self._people.changing(who) as person:
            asked = self._asked(message, person)
            if asked.notice:
                return asked
            session = person.resume(self._app.state.sessions)
            payload = chosen(clean(asked.message or ""), [(t, p) for t, p in person.menu])
            if payload is not None and payload in session.offered:
                asked = replace(asked, message=None, payload=payload)
            return replace(asked, session_id=session.id, region=person.region, client=f"wechat:{who}")

    def render(self, came: Call, reply: dict[str, Any]) -> str:
        """Return the reply as one text, with a link to the page for what only a page can show."""
        text, base = reply_text(reply), self._settings.public_url
        form = reply.get("form") or {}
        if base and form.get("photo_url"):
            text += "\n" + word("wechat.photo_link", url=base + form["photo_url"])
        elif base and form:
            document = form.get("document_url") or "/"
            text += "\n" + word("wechat.form_link", url=base + document if document[:1] == "/" else document)
        elif base and reply.get("verdict"):
            text += "\n" + word("wechat.card_link", url=f"{base}/card/{reply['verdict']['requirement_id']}")
        return text

    # --- one request ----------------------------------------------------------------------------

    async def handle(self, call: Call, until: float) -> str:
        """Return the body of the reply to the verified `call`, at about `until` (time.monotonic) at the latest.

        Raises Refused for what is not authentic, was sent before as something else, or cannot be read.
        """
        message = read_message(self._envelope.open(call.query, call.body))
        who = self._people.hashed(message.openid)
        call = replace(call, message=message)
        try:
            await self._refuse_replay(call.query, f"{who}:{message.key}")
            text = await self._reply(call, message, who, until)
        except Refused:
            raise
        except Exception as error:
            # Without the store nothing is known of anybody; its message may hold what the citizen wrote.
            log.error("a message could not be replied to: %s", type(error).__name__)
            text = word("wechat.error") if message.answered else ""
        if not text:
            return NOTHING
        return self._envelope.seal(call.query, text_xml(message.openid, message.account, text))

    async def _reply(self, call: Call, message: Message, who: str, until: float) -> str:
        if not message.answered:
            await self._note(message, who)
            return ""
        said = clean(message.text) if message.kind in ("text", "voice") else ""
        if said in held("wechat.delete_words"):
            await self._forget(who)
        return await self._delivery.reply(
            who,
            message.openid,
            message.key,
            lambda: self._make(call, who),
            until,
            fetches=message.kind == "text" and (len(said) <= 2 or said in held("wechat.fetch_words")),
        )

    async def _make(self, call: Call, who: str) -> str:
        try:
            self._app.state.switches.check(self.name)
            incoming = await self.parse(call)
            if incoming.notice:
                return showable(incoming.notice)
            reply = await self.answer(self._app, incoming)
        except Problem as problem:
            return showable(problem.detail)
        async with self._people.changing(who) as person:
            session = self._app.state.sessions.get(incoming.session_id)
            if session is not None and person.session == session.id:
                person.keep(session)
                # An answer without choices leaves the last ones valid: 1, and then 2. In a form a number is a number.
                if reply.get("form"):
                    person.menu = []
                elif menu(reply):
                    person.menu = [list(choice) for choice in menu(reply)]
        return self.render(call, reply)

    def _asked(self, message: Message, person: Person) -> Incoming:
        """Return the question in `message`, or a notice; a place that it names is remembered."""
        if message.kind == "event:subscribe":
            place = self._place(message.scene, person)
            return Incoming(notice=word("wechat.welcome") + place + "\n\n" + word("wechat.privacy"))
        if message.kind == "event:scan":
            return Incoming(notice=word("wechat.scanned") + self._place(message.scene, person))
        if message.kind == "event:click":
            button = buttons().get(message.text, {})
            if "asks" in button:
                return Incoming(message=button["asks"])
            return Incoming(notice=word(button.get("says", "wechat.how")))
        if clean(message.text) in held("wechat.delete_words"):
            return Incoming(notice=word("wechat.deleted"))
        if message.kind in ("text", "voice") and clean(message.text):
            return Incoming(message=message.text)
        if message.kind == "location":
            region = self._region_at(message)
            if region is None:
                return Incoming(notice=word("wechat.place_unknown"))
            person.region = region.code
            if (person.context or {}).get("topic"):
                return Incoming(message=region.name)  # a question waits for the place
            return Incoming(notice=word("wechat.region_kept", region=region.name))
        return Incoming(notice=word(f"wechat.kinds.{message.kind if message.kind in _UNTOLD else 'other'}"))

    def _region_at(self, message: Message) -> Region | None:
        regions = self._app.state.catalogue.regions
        return region_at(regions, message.latitude, message.longitude, message.label)

    def _place(self, scene: str, person: Person) -> str:
        """Remember the region and office of a scanned code; returns a sentence about them, empty if it says neither."""
        known = self._scenes.get(scene, {"region": scene})
        regions = self._app.state.catalogue.regions
        code = known.get("region", "")
        person.region = code if code in regions else person.region
        name = known.get("office") or (regions.get(code).name if code in regions else "")
        return "\n" + word("wechat.scene", place=name) if name else ""

    async def _note(self, message: Message, who: str) -> None:
        """Take note of an event that nobody waits for a reply to."""
        if message.kind == "event:unsubscribe":
            await self._forget(who)
        elif message.kind == "event:location":
            region = self._region_at(message)
            async with self._people.changing(who) as person:
                person.region = person.region or (region.code if region else None)

    async def _forget(self, who: str) -> None:
        self._app.state.sessions.forget(await self._people.forget(who))

    async def _refuse_replay(self, query: Mapping[str, str], key: str) -> None:
        """Raise Refused 403 if timestamp and nonce came before with another message; the same one may come again."""
        mark = self._people.hashed(f"{query['timestamp']} {query['nonce']}")
        async with self._nonces.changing(f"nonce:{mark}", 2 * WINDOW) as seen:
            if seen.setdefault("key", key) != key:
                raise Refused(403)


def _read_scenes(path: Any) -> dict[str, dict[str, str]]:
    """Return what staff have written down of their codes: scene value → region and office."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {str(k): {n: str(t) for n, t in v.items()} for k, v in (found or {}).items()}


async def _read_body(request: Request) -> bytes:
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise Refused(413)
    except ClientDisconnect:
        raise Refused(400) from None
    return body


def _channel(request: Request) -> WeChat:
    channel = request.app.state.wechat
    if channel is None:
        raise Problem(404, "Not Found", "没有这个地址。")
    return channel


@router.get("/wechat/callback")
async def verify_address(request: Request) -> Response:
    """Show the platform that this address is ours."""
    channel = _channel(request)
    try:
        channel.verify(Call(request.query_params))
    except Refused as refused:
        return Response(status_code=refused.status)
    return Response(request.query_params.get("echostr", "")[:512], media_type="text/plain")


@router.post("/wechat/callback")
async def receive(request: Request) -> Response:
    """Take one message or event, and reply to it within five seconds."""
    channel, until = _channel(request), time.monotonic() + REPLY_WITHIN
    try:
        channel.verify(Call(request.query_params))  # before anything of the body is read
        made = await channel.handle(Call(request.query_params, await _read_body(request)), until)
    except Refused as refused:
        return Response(status_code=refused.status)
    return Response(made, media_type="text/plain" if made == NOTHING else "application/xml")
