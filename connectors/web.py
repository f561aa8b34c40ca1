"""The citizen's chat page: server-rendered, whole without JavaScript, sent in place with it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from bot.answer import Answer, Reply
from bot.answering import verdict_text
from bot.casebook.casebook import CasebookError
from bot.casebook.desk import REASONS
from bot.casebook.store import CHINA
from proof_catalogue.errors import CatalogueError
from proof_catalogue.text import clean

from . import drawing
from .channel import Channel, Incoming
from .guards import mask
from .pages import (
    COLOURS,
    HEADERS,
    MAX_MESSAGE,
    SIZES,
    VIEW_COOKIE,
    VIEW_SECONDS,
    chat_headers,
    check_same_origin,
    draw,
    forget_visitor,
    keep_visitor,
    own_path,
    owner,
    read_fields,
    redirect,
    set_cookie,
    view,
    visitor,
)
from .problems import Problem
from .sessions import Session
from .words import held, word

PATIENCE = 5.0  # seconds for which a page waits for an answer that is under way
MAX_FEEDBACK = 300

router = APIRouter(include_in_schema=False)


async def session_of(request: Request) -> Session | None:
    """The visitor's conversation, from memory or from where it is kept, or None."""
    return await request.app.state.sessions.find(visitor(request))


class Web(Channel[Request, HTMLResponse]):
    """The page."""

    name = "web"

    def verify(self, came: Request) -> None:
        """As Channel says: the form must have been sent from our own page. Its token is in its body."""
        check_same_origin(came)

    async def parse(self, came: Request) -> Incoming:
        """As Channel says; Problem 403 without the right token, 413 and 422 for forms that are none, or empty."""
        fields = await read_fields(came)
        # a button wins over words left in the box; an example question is an ordinary message
        payload = fields.get("payload") or None
        message = None if payload else fields.get("example") or fields.get("message") or None
        if not message and not payload:
            raise Problem(422, "Unprocessable Content", held("web.empty"), "message")
        return Incoming(
            message=message,
            payload=payload,
            session_id=visitor(came),
            region=fields.get("region") or None,
            client=came.client.host if came.client else "",
            once=fields.get("once", "")[:64],
        )

    def render(self, came: Request, reply: dict[str, Any]) -> HTMLResponse:
        """Return the HTML of this turn alone, for the page's script."""
        session = came.app.state.sessions.get(reply["session_id"])
        turn = (session.turn(reply["message_id"]) if session else None) or {"message": "", "reply": reply}
        return draw("turn.html", came, {"turn": turn, "region": (session.region if session else None) or ""})


WEB = Web()


async def take_turn(request: Request) -> dict[str, Any]:
    """Return the reply to the form that was posted. Raises Problem."""
    WEB.verify(request)
    return await WEB.answer(request.app, await WEB.parse(request))


async def page(
    request: Request, problem: Problem | None = None, turns: list[dict[str, Any]] | None = None
) -> HTMLResponse:
    """The whole page; with a problem, its words follow the transcript and what was typed stays in the box.

    Given `turns` are shown in the transcript's place.
    """
    state = request.app.state
    session = await session_of(request)
    if session and session.lock.locked():
        # A page that is loaded again while its answer is made should show that answer.
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(session.lock.acquire(), PATIENCE)
            session.lock.release()
    typed: dict[str, str] = getattr(request.state, "typed", {}) if problem else {}
    context = {
        "turns": turns or (list(session.turns) if session else []),
        "region": typed.get("region") or (session.region if session else None) or "",
        "regions": state.regions,
        "examples": state.examples,
        "notice": getattr(state, "notice", None) or {},
        "problem": problem,
        "draft": typed.get("message", "")[:MAX_MESSAGE],
        "on_chat": request.url.path == "/",
    }
    framable = HEADERS if request.url.path.startswith("/card/") else chat_headers(request)
    headers = {**framable, **(problem.headers if problem else {})}
    return draw("chat.html", request, context, problem.status if problem else 200, headers)


# --- routes --------------------------------------------------------------------------------------


@router.get("/", response_class=HTMLResponse)
async def show_chat(request: Request) -> Response:
    """The conversation, or the way into one."""
    return await page(request)


@router.get("/card/{requirement_id}", response_class=HTMLResponse)
async def show_card(request: Request, requirement_id: str) -> Response:
    """One row as a card, for channels that can only link to it; below it the conversation may begin."""
    catalogue = request.app.state.catalogue
    try:
        row = catalogue.requirement(requirement_id)
    except CatalogueError:
        return await page(request, Problem(404, "Not Found", held("web.no_card")))
    answer = Answer("answered", [Reply(verdict_text(row), card=row.verdict())], verdicts=[row.verdict()])
    return await page(request, turns=[{"message": "", "reply": answer.wire()}])


@router.post("/")
async def post_chat(request: Request) -> Response:
    """One turn without JavaScript: post, then redirect, so that a reload asks nothing twice."""
    try:
        await take_turn(request)
    except Problem as problem:
        return await page(request, problem)
    return redirect(request, "/#latest")


@router.post("/chat/turn", response_class=HTMLResponse)
async def post_turn(request: Request) -> Response:
    """One turn for the page's script: the HTML of that turn alone."""
    try:
        reply = await take_turn(request)
    except Problem as problem:
        headers = {**HEADERS, **problem.headers}
        return draw("problem.html", request, {"problem": problem}, problem.status, headers)
    return WEB.render(request, reply)


@router.post("/chat/restart")
async def restart_chat(request: Request) -> Response:
    """Begin a new conversation; the old one goes."""
    return await _leave(request, forms=False)


@router.post("/chat/delete")
async def delete_chat(request: Request) -> Response:
    """Erase the conversation, and what was filled into forms that were not sent."""
    return await _leave(request, forms=True)


async def _leave(request: Request, forms: bool) -> Response:
    state = request.app.state
    try:
        await read_fields(request)
        session = await session_of(request)
        if session:
            await state.sessions.erase(session)
        if forms:
            await asyncio.to_thread(state.guide.forget, owner(request))
    except Problem as problem:
        return await page(request, problem)
    except (OSError, RedisError, CasebookError, SQLAlchemyError):
        return await page(request, Problem(503, "Not erased", held("web.not_deleted")))
    forget_visitor(request)
    return redirect(request, "/")


@router.post("/chat/view")
async def choose_view(request: Request) -> Response:
    """Keep the size of letters and the colours that were chosen, and lead back."""
    try:
        fields = await read_fields(request)
    except Problem as problem:
        return await page(request, problem)
    chosen = view(request)
    if fields.get("size") in SIZES:
        chosen["size"] = fields["size"]
    if fields.get("colours") in COLOURS:
        chosen["colours"] = fields["colours"]
    response = redirect(request, own_path(fields.get("back")) or "/")
    set_cookie(request, response, VIEW_COOKIE, "{size}.{colours}".format(**chosen), VIEW_SECONDS)
    return response


@router.post("/chat/feedback")
async def give_feedback(request: Request) -> Response:
    """Keep what the citizen thought of one answer of this conversation; the last word counts."""
    state = request.app.state
    try:
        state.limiter.check(request.client.host if request.client else "")
        fields = await read_fields(request)
        session = await session_of(request)
        turn = session.turn(fields.get("message_id", "")) if session else None
        useful, reason = fields.get("useful"), fields.get("reason", "")
        if session is None or turn is None or useful not in ("yes", "no") or reason not in REASONS:
            raise Problem(422, "Unprocessable Content", held("web.bad_form"))
        text = mask(clean(fields.get("text", "")))[0][:MAX_FEEDBACK]
        about = {
            "outcome": turn["reply"]["outcome"],
            "requirement_id": drawing.row_of(turn["reply"]) or "",
            "edition": turn["reply"]["edition"],
        }
        await asyncio.to_thread(
            state.casebook.desk.give_feedback,
            owner(request),
            turn["reply"]["message_id"],
            useful == "yes",
            "" if useful == "yes" else reason,
            "" if useful == "yes" else text,
            session.region or "000000",
            about,
        )
        async with state.sessions.turning(session, keep=True):
            turn["useful"] = useful
    except Problem as problem:
        return await page(request, problem)
    except (CasebookError, SQLAlchemyError):
        return await page(request, Problem(503, "Not kept", held("web.not_kept")))
    return redirect(request, "/#latest")


@router.get("/chat/download")
async def download_chat(request: Request) -> Response:
    """The conversation as a text file."""
    session = await session_of(request)
    lines = [word("web.download_head", day=_china(time.time(), "%Y-%m-%d")), held("web.about"), ""]
    for turn in session.turns if session else []:
        lines += [f"{_china(turn['at'], '%Y-%m-%d %H:%M')}", held("web.you_said") + turn["message"]]
        lines += [held("web.assistant_said"), drawing.said(turn["reply"]), ""]
    headers = {**chat_headers(request), "Content-Disposition": 'attachment; filename="mianzheng.txt"'}
    # With a byte order mark old editors show Chinese rightly.
    text = "\r\n".join("\n".join(lines).splitlines()) + "\r\n"
    response = Response(text.encode("utf-8-sig"), media_type="text/plain; charset=utf-8", headers=headers)
    keep_visitor(request, response)
    return response


def _china(at: float, form: str) -> str:
    return datetime.fromtimestamp(at, CHINA).strftime(form)
