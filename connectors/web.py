"""The citizen's chat page: server-rendered, whole without JavaScript, sent in place with it."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from bot.answer import Answer, Reply
from bot.answering import verdict_text
from connectors.channel import Channel, Incoming
from connectors.problems import Problem
from connectors.words import held
from proof_catalogue.errors import CatalogueError

HERE = Path(__file__).parent
STATIC_DIR = HERE / "static"
SESSION_COOKIE = "mianzheng_session"
MAX_BODY = 16 * 1024
MAX_MESSAGE = 500

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # not "no-referrer": browsers would then send "Origin: null" with our own forms
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

router = APIRouter(include_in_schema=False)
templates = Jinja2Templates(directory=str(HERE / "templates"))  # autoescapes *.html


# --- words and small helpers for the templates ---------------------------------------------------


def words() -> dict[str, Any]:
    """The chat page's words."""
    return held("web")


@cache
def static_url(name: str) -> str:
    """The address of a static file, with its content's hash so that browsers may keep it for good."""
    digest = hashlib.sha256((STATIC_DIR / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?v={digest}"


def safe_url(url: str | None) -> str | None:
    """The address if it is a plain http(s) one, else None: a catalogue row must not plant javascript:."""
    try:
        parts = urlsplit((url or "").strip())
    except ValueError:
        return None
    return (url or "").strip() if parts.scheme in ("http", "https") and parts.hostname else None


def safe_document(url: str | None) -> str | None:
    """A paper of ours (a path on this host), or a plain http(s) address."""
    if url and re.match(r"/(?![/\\])", url):
        return url
    return safe_url(url)


LIST_LINE = re.compile(r"^(?:[·•▪*]|[-–—]\s|(\d{1,2})(?:[\u3001)\uff09]|[.\uff0e](?!\d)))\s*(?=\S)")


def blocks(text: str) -> list[dict[str, Any]]:
    """Plain words as drawn: every line a paragraph, neighbouring bulleted or numbered lines one list."""
    out: list[dict[str, Any]] = []
    for line in (text or "").splitlines():
        line = line.strip()
        if not line:
            continue
        marker = LIST_LINE.match(line)
        kind = "p" if not marker else "ol" if marker[1] else "ul"
        value = line[marker.end() :] if marker else line
        if kind != "p" and out and out[-1]["kind"] == kind:
            out[-1]["lines"].append(value)
        else:
            out.append({"kind": kind, "lines": [value], "start": marker and marker[1]})
    return out


def _bare(text: str) -> str:
    """The letters alone: words compared whatever their punctuation."""
    return re.sub(r"[\W_]+", "", text)


def lead(text: str, card: dict[str, Any]) -> str:
    """The reply's words without the lines that the card itself shows (caution, basis, sources)."""
    shown = [card.get("caution"), card.get("legal_basis")]
    shown += [source.get(key) for source in card.get("sources") or [] for key in ("title", "url", "date")]
    shown_bare = sorted({_bare(str(value)) for value in shown if value}, key=len, reverse=True)
    labels = words()["labels"]
    kept = []
    for line in (text or "").split("\n"):
        whole = rest = _bare(line)
        for value in shown_bare:
            rest = rest.replace(value, "") if len(value) >= 4 else rest
        labelled = re.split("[:\uff1a]", line, maxsplit=1)[0].strip() in labels
        repeats = rest != whole and len(rest) <= (16 if labelled else 2)
        if not repeats and not (shown_bare and whole in labels):
            kept.append(line)
    return "\n".join(kept).strip()


def says(text: str, value: str | None) -> bool:
    """Whether the words already hold this value, whatever the punctuation."""
    return bool(value) and _bare(value or "") in _bare(text or "")


def parts(reply: dict[str, Any]) -> list[dict[str, Any]]:
    """A wire reply as what the page draws: its texts in order, each beside its verdict if it has one."""
    verdicts = reply.get("verdicts") or ([reply["verdict"]] if reply.get("verdict") else [])
    replies = reply.get("replies") or []
    known = words()["verdicts"]
    carded = any((one.get("card") or {}).get("kind") in known for one in replies)
    left = list(verdicts)
    out = []
    for one in replies:
        card = one.get("card") or None
        verdict = None
        if carded:
            verdict = card if card and card.get("kind") in known else None
            if verdict:
                left = [v for v in left if v.get("requirement_id") != verdict.get("requirement_id")]
        elif left and one.get("text"):
            verdict = left.pop(0)
        out.append(
            {
                "text": one.get("text") or "",
                "verdict": verdict,
                "card": None if verdict else card,
                "buttons": one.get("buttons") or [],
            }
        )
    for verdict in left:  # a verdict that no text came with is still shown
        out.append({"text": "", "verdict": verdict, "card": None, "buttons": []})
    return out


def unsaid_candidates(reply: dict[str, Any]) -> list[dict[str, Any]]:
    """The proofs of a list that neither the text nor a button names yet."""
    if reply.get("outcome") != "answered_list":
        return []
    said = "\n".join(
        text
        for one in reply.get("replies") or []
        for text in [
            one.get("text") or "",
            *(button.get("title") or "" for button in one.get("buttons") or []),
        ]
    )
    return [item for item in reply.get("candidates") or [] if not says(said, item.get("proof"))]


templates.env.globals.update(
    words=words,
    static_url=static_url,
    parts=parts,
    unsaid_candidates=unsaid_candidates,
    max_message=MAX_MESSAGE,
    blocks=blocks,
    lead=lead,
    says=says,
    safe_url=safe_url,
    safe_document=safe_document,
)


# --- sessions, forms, origin ---------------------------------------------------------------------


def session_of(request: Request):
    """The conversation that the cookie names, if we still hold it, or if the casebook holds a case of it.

    Any other unknown id is never adopted. After a restart of this process a citizen goes on with an open form.
    """
    state, session_id = request.app.state, request.cookies.get(SESSION_COOKIE)
    if not session_id:
        return None
    found = state.sessions.get(session_id)
    if found is None and state.casebook.pledges.of_owner(state.casebook.owner_of(session_id)):
        return state.sessions.open(session_id)
    return found


def keep_session(request: Request, response: Response, session_id: str) -> None:
    # no Max-Age: on a shared computer the conversation ends with the browser
    response.set_cookie(
        SESSION_COOKIE,
        session_id,
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def check_same_origin(request: Request) -> None:
    """Refuse a POST that another site made the browser send."""
    problem = Problem(403, "Forbidden", words()["forbidden"], None)
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise problem
        return
    origin = request.headers.get("origin") or request.headers.get("referer")
    if origin is None:  # not a browser of this decade; the cookie is SameSite=Lax anyway
        return
    try:
        same = urlsplit(origin).netloc.lower() == (request.headers.get("host") or "").lower()
    except ValueError:
        same = False
    if not same:
        raise problem


async def read_fields(request: Request) -> dict[str, str]:
    """The fields of a plain form post, without space around them."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Problem(422, "Unprocessable Content", words()["bad_form"], None)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise Problem(413, "Content Too Large", words()["too_large"], None)
    try:
        pairs = parse_qsl(body.decode("utf-8", "strict"), keep_blank_values=True, max_num_fields=16)
    except ValueError:  # not UTF-8, or too many fields
        raise Problem(422, "Unprocessable Content", words()["bad_form"], None) from None
    return {name: value.strip() for name, value in pairs}


async def read_form(request: Request) -> dict[str, str | None]:
    """The fields of a message: message or payload, and region."""
    fields = await read_fields(request)
    # a button wins over words left in the box; an example question is an ordinary message
    payload = fields.get("payload") or None
    message = None if payload else fields.get("example") or fields.get("message") or None
    return {"message": message, "payload": payload, "region": fields.get("region") or None}


class Web(Channel[Request, HTMLResponse]):
    """The page. What was typed is kept on the request, so that a refused form can be shown again."""

    name = "web"

    def verify(self, came: Request) -> None:
        """As Channel says: the form must have been sent from our own page."""
        check_same_origin(came)

    async def parse(self, came: Request) -> Incoming:
        """As Channel says; Problem 413 and 422 for forms that are none, or empty."""
        form = came.state.form = await read_form(came)
        if not form["message"] and not form["payload"]:
            raise Problem(422, "Unprocessable Content", words()["empty"], "message")
        session = session_of(came)
        return Incoming(
            message=form["message"],
            payload=form["payload"],
            session_id=session.id if session else None,
            region=form["region"],
            client=came.client.host if came.client else "",
        )

    def render(self, came: Request, reply: dict[str, Any]) -> HTMLResponse:
        """Return the HTML of this turn alone, for the page's script."""
        session = came.app.state.sessions.get(reply["session_id"])
        turn = next(
            (
                one
                for one in reversed(session.turns if session else [])
                if one["reply"].get("message_id") == reply.get("message_id")
            ),
            {"message": "", "reply": reply},
        )
        return draw("turn.html", came, {"turn": turn, "region": (session.region if session else None) or ""})


WEB = Web()


async def take_turn(request: Request) -> dict[str, Any]:
    """Return the reply to the form that was posted. Raises Problem."""
    WEB.verify(request)
    return await WEB.answer(request.app, await WEB.parse(request))


# --- drawing -------------------------------------------------------------------------------------


def draw(
    name: str,
    request: Request,
    context: dict[str, Any],
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> HTMLResponse:
    return templates.TemplateResponse(
        request, name, context, status_code=status, headers={**HEADERS, **(headers or {})}
    )


def page(
    request: Request,
    problem: Problem | None = None,
    form: dict[str, str | None] | None = None,
    turns: list[dict[str, Any]] | None = None,
) -> HTMLResponse:
    """The whole page; with a problem, its words follow the transcript and what was typed stays in the box.

    Given `turns` are shown in the transcript's place.
    """
    state = request.app.state
    session = session_of(request)
    form = form or {}
    return draw(
        "chat.html",
        request,
        {
            "turns": turns or (list(session.turns) if session else []),
            "region": form.get("region") or (session.region if session else None) or "",
            "regions": state.regions,
            "examples": state.examples,
            "notice": getattr(state, "notice", None) or {},
            "problem": problem,
            "draft": (form.get("message") or "")[:MAX_MESSAGE] if problem else "",
        },
        status=problem.status if problem else 200,
        headers=getattr(problem, "headers", None),
    )


# --- routes --------------------------------------------------------------------------------------


@router.get("/", response_class=HTMLResponse)
async def show_chat(request: Request) -> Response:
    return page(request)


@router.get("/card/{requirement_id}", response_class=HTMLResponse)
async def show_card(request: Request, requirement_id: str) -> Response:
    """One row as a card, for channels that can only link to it; below it the conversation may begin."""
    catalogue = request.app.state.catalogue
    try:
        row = catalogue.requirement(requirement_id)
    except CatalogueError:
        return page(request, Problem(404, "Not Found", words()["no_card"]))
    answer = Answer("answered", [Reply(verdict_text(row), card=row.verdict())], verdicts=[row.verdict()])
    return page(request, turns=[{"message": "", "reply": answer.wire()}])


@router.post("/")
async def post_chat(request: Request) -> Response:
    """One turn without JavaScript: post, then redirect, so that a reload asks nothing twice."""
    try:
        reply = await take_turn(request)
    except Problem as problem:
        return page(request, problem, getattr(request.state, "form", None))
    response = RedirectResponse("/#latest", status_code=303, headers=HEADERS)
    keep_session(request, response, reply["session_id"])
    return response


@router.post("/chat/turn", response_class=HTMLResponse)
async def post_turn(request: Request) -> Response:
    """One turn for the page's script: the HTML of that turn alone."""
    try:
        reply = await take_turn(request)
    except Problem as problem:
        return draw(
            "problem.html", request, {"problem": problem}, problem.status, getattr(problem, "headers", None)
        )
    response = WEB.render(request, reply)
    keep_session(request, response, reply["session_id"])
    return response


@router.post("/chat/restart")
async def restart_chat(request: Request) -> Response:
    """Forget the conversation and begin again."""
    try:
        check_same_origin(request)
    except Problem as problem:
        return page(request, problem)
    session = session_of(request)
    if session:
        request.app.state.sessions.forget(session.id)
    response = RedirectResponse("/", status_code=303, headers=HEADERS)
    response.delete_cookie(SESSION_COOKIE, path="/")
    return response
