"""What all pages share: templates and headers, the visitor's cookie, the token in every form, how the page is shown."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from bot.settings import LOOPBACK

from . import drawing
from .problems import Problem
from .words import held

HERE = Path(__file__).parent
STATIC_DIR = HERE / "static"
SESSION_COOKIE = "mianzheng_session"
VIEW_COOKIE = "mianzheng_view"
VIEW_SECONDS = 365 * 24 * 60 * 60
MAX_BODY = 16 * 1024
MAX_MESSAGE = 500

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors {}"
)
HEADERS = {
    "Content-Security-Policy": POLICY.format("'none'"),
    "X-Frame-Options": "DENY",
    # not "no-referrer": browsers would then send "Origin: null" with our own forms
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}

templates = Jinja2Templates(directory=str(HERE / "templates"))  # autoescapes *.html


def chat_headers(request: Request) -> dict[str, str]:
    """The headers of the chat page: as of any page, but that the portals that were named may frame it."""
    origins = request.app.state.embed_origins
    if not origins:
        return HEADERS
    # X-Frame-Options knows no list; browsers that know frame-ancestors do not look at it.
    kept = {name: value for name, value in HEADERS.items() if name != "X-Frame-Options"}
    return {**kept, "Content-Security-Policy": POLICY.format(" ".join(origins))}


def is_framed(request: Request) -> bool:
    """Whether a portal that may do so shows this page in a frame."""
    framed = request.headers.get("sec-fetch-dest") in ("iframe", "frame")
    return bool(request.app.state.embed_origins) and framed


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


def own_path(url: str | None) -> str | None:
    """The address if it is a path on this host, else None."""
    return url if url and re.match(r"/(?![/\\])", url) and url.isprintable() else None


def safe_document(url: str | None) -> str | None:
    """A paper of ours (a path on this host), or a plain http(s) address."""
    return own_path(url) or safe_url(url)


# --- the visitor


def _mark(request: Request, purpose: str, text: str) -> str:
    return request.app.state.casebook.owner_of(f"{purpose}:{text}")


def visitor(request: Request) -> str | None:
    """The id of the visitor's conversation, if the cookie is one that we gave out; nobody can choose an id."""
    known: str | None = getattr(request.state, "visitor", None)
    if known is None:
        id_, _, mark = request.cookies.get(SESSION_COOKIE, "").partition(".")
        good = mark and hmac.compare_digest(mark.encode(), _mark(request, "cookie", id_).encode())
        request.state.visitor = known = id_ if good else ""
    return known or None


def owner(request: Request) -> str:
    """The name under which the casebook knows the visitor, empty for one without a cookie."""
    known = visitor(request)
    return request.app.state.casebook.owner_of(known) if known else ""


def csrf_token(request: Request) -> str:
    """The token that forms of this visitor carry. A visitor without a cookie gets an id, and the cookie with the page."""
    known = visitor(request)
    if known is None:
        known = request.state.visitor = secrets.token_urlsafe(18)
    return _mark(request, "csrf", known)


def set_cookie(
    request: Request, response: Response, name: str, value: str, max_age: int | None = None
) -> None:
    """Set a cookie that no script reads; where portals may frame the page, one that is kept apart for each of them."""
    secure = request.url.scheme == "https"
    framed = bool(request.app.state.embed_origins) and (secure or request.url.hostname in LOOPBACK)
    response.set_cookie(
        name,
        value,
        max_age=max_age,
        path="/",
        httponly=True,
        samesite="none" if framed else "lax",
        secure=secure or framed,
    )
    if framed:  # Python's own cookies do not know the attribute before 3.14
        header, written = response.raw_headers[-1]
        response.raw_headers[-1] = (header, written + b"; Partitioned")


def keep_visitor(request: Request, response: Response) -> None:
    """Give the visitor the cookie of their conversation, where the browser does not hold it."""
    known = visitor(request)
    if known and not request.cookies.get(SESSION_COOKIE, "").startswith(f"{known}."):
        # no Max-Age: on a shared computer the conversation ends with the browser
        set_cookie(request, response, SESSION_COOKIE, f"{known}.{_mark(request, 'cookie', known)}")


def forget_visitor(request: Request) -> None:
    """Give the visitor a new id with this response."""
    request.state.visitor = secrets.token_urlsafe(18)


# --- how the page is shown


SIZES = ("normal", "large")
COLOURS = ("auto", "light", "dark")


def view(request: Request) -> dict[str, str]:
    """The size of letters and the colours that the visitor chose."""
    size, _, colours = request.cookies.get(VIEW_COOKIE, "").partition(".")
    return {
        "size": size if size in SIZES else SIZES[0],
        "colours": colours if colours in COLOURS else COLOURS[0],
    }


# --- forms


def check_same_origin(request: Request) -> None:
    """Refuse a POST that another site made the browser send. Raises Problem 403."""
    problem = Problem(403, "Forbidden", held("web.forbidden"))
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise problem
        return
    origin = request.headers.get("origin") or request.headers.get("referer")
    if origin is None:  # not a browser of this decade; the token is still asked for
        return
    try:
        same = urlsplit(origin).netloc.lower() == (request.headers.get("host") or "").lower()
    except ValueError:
        same = False
    if not same:
        raise problem


def check_token(request: Request, token: str) -> None:
    """Refuse a form that was not drawn for this visitor. Raises Problem 403."""
    known = visitor(request)
    if known is None or not hmac.compare_digest(token.encode(), _mark(request, "csrf", known).encode()):
        raise Problem(403, "Forbidden", held("web.stale"))


async def _read_pairs(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Problem(422, "Unprocessable Content", held("web.bad_form"))
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise Problem(413, "Content Too Large", held("web.too_large"))
    try:
        pairs = parse_qsl(body.decode("utf-8", "strict"), keep_blank_values=True, max_num_fields=16)
    except ValueError:  # not UTF-8, or too many fields
        raise Problem(422, "Unprocessable Content", held("web.bad_form")) from None
    return {name: value.strip() for name, value in pairs}


async def read_fields(request: Request) -> dict[str, str]:
    """The fields of a plain form that was sent from a page of ours to this visitor, without space around them.

    What was typed stays on `request.state.typed`, for a form that is refused only for its token. Raises Problem: 403 for
    a form from elsewhere or without the right token, 413, 422.
    """
    check_same_origin(request)
    request.state.typed = fields = await _read_pairs(request)
    check_token(request, fields.get("csrf", ""))
    return fields


# --- drawing


def draw(
    name: str,
    request: Request,
    context: dict[str, Any],
    status: int = 200,
    headers: dict[str, str] = HEADERS,
) -> HTMLResponse:
    """Draw a page, or a part of one, for this visitor."""
    shared = {
        "csrf": csrf_token(request),
        "view": view(request),
        "here": _here(request),
        "framed": is_framed(request),
    }
    response = templates.TemplateResponse(
        request, name, {**shared, **context}, status_code=status, headers=headers
    )
    keep_visitor(request, response)
    return response


def _here(request: Request) -> str:
    """The address to come back to; what lies below /chat/ is only sent forms to."""
    path, query = request.url.path, request.url.query
    return "/" if path.startswith("/chat/") else path + (f"?{query}" if query else "")


def redirect(request: Request, path: str) -> RedirectResponse:
    """Lead the visitor to another page of ours after a form."""
    response = RedirectResponse(path, status_code=303, headers=HEADERS)
    keep_visitor(request, response)
    return response


def words() -> dict[str, Any]:
    """The chat page's words, for templates that several pages share."""
    return held("web")


templates.env.globals.update(
    words=words,
    static_url=static_url,
    safe_url=safe_url,
    safe_document=safe_document,
    max_message=MAX_MESSAGE,
    new_mark=lambda: secrets.token_urlsafe(9),
    parts=drawing.parts,
    unsaid_candidates=drawing.unsaid_candidates,
    blocks=drawing.blocks,
    steps=drawing.steps,
    lead=drawing.lead,
    says=drawing.says,
    row_of=drawing.row_of,
    said=drawing.said,
    rated=drawing.RATED,
)
