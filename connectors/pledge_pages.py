"""Pages of the pledge path: the form on one page, the letter's documents, and the check that a letter is genuine."""

from __future__ import annotations

import asyncio
import hmac
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from bot.casebook.casebook import CaseError, find_reference
from bot.casebook.pledges import DOCUMENTS, LetterCheck, Pledge
from bot.paths.excluded import may_pledge
from bot.paths.form import Talk
from bot.paths.guide import Guide
from bot.paths.pledge import CHINA, PledgeForm, excluded_lines, handling_line, notice, other_way
from proof_catalogue.errors import CatalogueError
from proof_catalogue.requirement import Requirement

from .pages import (
    HEADERS,
    check_same_origin,
    check_token,
    draw,
    owner,
    read_fields,
    redirect,
    visitor,
)
from .problems import Problem
from .words import held

MAX_DOCUMENT = 4 * 1024 * 1024
FIELDS = ("name", "id_number", "facts", "phone", "public", "guardian", "guardian_of", "consent")
router = APIRouter(include_in_schema=False)


def words() -> dict[str, Any]:
    """The words of these pages."""
    return held("pledge_pages")


def _page_key(guide: Guide, reference: str) -> str:
    return guide.pledge.page_key(reference)


def _limit(request: Request) -> None:
    request.app.state.limiter.check(request.client.host if request.client else "")


def _message(request: Request, text: str, status: int = 404) -> HTMLResponse:
    return draw("notice.html", request, {"text": text, "w": words()}, status)


def _not_offered(request: Request, row: Requirement) -> HTMLResponse:
    return _message(request, "\n".join(excluded_lines(row) or [words()["not_offered"]]), 409)


def _mine(request: Request, reference: str, key: str) -> Pledge | None:
    """Return the pledge if the caller holds its link or the session that began it, else None."""
    guide: Guide = request.app.state.guide
    pledge = guide.casebook.pledges.get(reference)
    if pledge is None:
        return None
    if key and hmac.compare_digest(key.encode(), _page_key(guide, reference).encode()):
        return pledge
    mine = owner(request)
    return pledge if mine and pledge.owner == mine else None


def _shown(
    request: Request,
    pledge: Pledge,
    errors: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
    status: int = 200,
) -> HTMLResponse:
    """Draw the form, or what became of it, with what was typed wrongly still in the boxes."""
    guide: Guide = request.app.state.guide
    form: PledgeForm = guide.pledge
    letter = guide.casebook.pledges.letter(pledge.reference) if pledge.state == "submitted" else None
    held = pledge.fields
    values = {
        "name": held.get("name", ""),
        "facts": held.get("facts") or form.proposed_facts(pledge),
        "phone": held.get("phone", ""),
        "public": held.get("public", "no"),
        "guardian_of": held.get("guardian_of", ""),
        **{k: v for k, v in (typed or {}).items() if k not in ("id_number", "consent")},
    }
    return draw(
        "pledge.html",
        request,
        {
            "w": words(),
            "pledge": pledge,
            "way": other_way(pledge.requirement),
            "elements": pledge.notice["elements"],
            "law": form.page_law(),
            "values": values,
            "masked": form.masked(pledge),
            "errors": errors or {},
            "key": _page_key(guide, pledge.reference),
            "letter": letter,
            "issued": letter.issued_at.astimezone(CHINA).strftime("%Y-%m-%d") if letter else "",
            "handling": handling_line(pledge),
        },
        status,
    )


@router.get("/pledge/new/{requirement_id}")
async def begin_page(request: Request, requirement_id: str) -> Response:
    """Show the notice before anything is asked, and the way to begin."""
    try:
        row = request.app.state.catalogue.requirement(requirement_id)
    except CatalogueError:
        return _message(request, words()["unknown"])
    if not may_pledge(row):
        return _not_offered(request, row)
    form: PledgeForm = request.app.state.guide.pledge
    context = {"w": words(), "row": row, "way": other_way(row), "elements": notice(row)["elements"]}
    return draw("pledge_new.html", request, {**context, "law": form.page_law()})


@router.post("/pledge/new/{requirement_id}")
async def begin_draft(request: Request, requirement_id: str) -> Response:
    """Open a draft in the caller's session, or in a new one."""
    state = request.app.state
    try:
        _limit(request)
        await read_fields(request)
        row = state.catalogue.requirement(requirement_id)
    except Problem as problem:
        return _message(request, problem.detail or problem.title, problem.status)
    except CatalogueError:
        return _message(request, words()["unknown"])
    if not may_pledge(row):
        return _not_offered(request, row)
    guide: Guide = state.guide
    session = await state.sessions.find(visitor(request)) or state.sessions.open(visitor(request))
    talk = Talk(guide.casebook.owner_of(session.id), session.region)
    await asyncio.to_thread(guide.begin_on_page, talk, row)
    assert talk.form
    session.form = talk.form
    reference = talk.form["reference"]
    return redirect(request, f"/pledge/{reference}?key={_page_key(guide, reference)}")


@router.get("/pledge/{reference}")
async def show_pledge(request: Request, reference: str, key: str = "") -> Response:
    """Show a pledge to whom it belongs: the form while it is a draft, then what became of it."""
    try:
        _limit(request)
    except Problem as problem:
        return _message(request, problem.detail or problem.title, problem.status)
    pledge = await asyncio.to_thread(_mine, request, find_reference(reference) or "", key)
    return _shown(request, pledge) if pledge else _message(request, words()["not_yours"])


@router.post("/pledge/{reference}")
async def post_pledge(request: Request, reference: str, key: str = "") -> Response:
    """Keep what was filled in; submit, withdraw or delete where that was pressed."""
    guide: Guide = request.app.state.guide
    try:
        _limit(request)
        fields = await read_fields(request)
    except Problem as problem:
        return _message(request, problem.detail or problem.title, problem.status)
    pledge = await asyncio.to_thread(_mine, request, find_reference(reference) or "", key)
    if pledge is None:
        return _message(request, words()["not_yours"])
    typed = {name: fields.get(name, "") for name in FIELDS}
    try:
        errors, said = await asyncio.to_thread(guide.on_page, pledge, fields.get("do", "save"), typed)
    except CaseError as error:
        return _message(request, words()["ended"] if error.code == "wrong_state" else words()["failed"], 409)
    if said:
        return _message(request, said, 200)
    if errors:
        fresh = guide.casebook.pledges.get(pledge.reference) or pledge
        return _shown(request, fresh, errors, typed, 422)
    return redirect(request, f"/pledge/{pledge.reference}?key={_page_key(guide, pledge.reference)}")


# --- letters


@router.get("/letters/{reference}/letter.{kind}")
async def letter_document(request: Request, reference: str, kind: str, key: str = "") -> Response:
    """Return a letter's document to who holds its secret link or the session it was made in."""
    casebook = request.app.state.casebook
    if kind not in DOCUMENTS:
        return _message(request, words()["no_letter"])
    try:
        _limit(request)
        found = await asyncio.to_thread(
            casebook.pledges.document,
            find_reference(reference) or "",
            kind,
            owner=owner(request),
            secret=key,
        )
    except Problem as problem:
        return _message(request, problem.detail or problem.title, problem.status)
    if found is None:
        return _message(request, words()["no_letter"])
    headers = {**HEADERS, "Content-Disposition": f'inline; filename="{find_reference(reference)}.{kind}"'}
    return Response(found, media_type=DOCUMENTS[kind], headers=headers)


def _checked(request: Request, check: LetterCheck | None, how: str, status: int = 200) -> HTMLResponse:
    issued = check.issued_at.astimezone(CHINA).strftime("%Y-%m-%d") if check else ""
    context = {"w": words(), "check": check, "issued": issued, "how": how}
    return draw("letter.html", request, context, status)


@router.get("/letters/check")
async def ask_check(request: Request) -> Response:
    """Show the page on which a letter's file can be checked."""
    return _checked(request, None, "ask")


@router.post("/letters/check")
async def check_file(request: Request) -> Response:
    """Say whether an uploaded file is a letter as it was issued, byte for byte. The file is not kept."""
    try:
        _limit(request)
        check_same_origin(request)
        if int(request.headers.get("content-length") or MAX_DOCUMENT + 1) > MAX_DOCUMENT:
            raise Problem(413, "Content Too Large", words()["file_too_large"])
        async with request.form(max_files=1, max_fields=2) as form:
            check_token(request, str(form.get("csrf") or ""))
            upload = form.get("file")
            data = await upload.read() if upload is not None and not isinstance(upload, str) else b""
    except Problem as problem:
        return _message(request, problem.detail or problem.title, problem.status)
    if not data:
        return _checked(request, None, "ask", 422)
    check = await asyncio.to_thread(request.app.state.casebook.pledges.check_file, data)
    return _checked(request, check, "file", 200 if check else 404)


@router.get("/letters/{reference}")
async def check_letter(request: Request, reference: str, c: str = "") -> Response:
    """What the QR code leads to: whether the letter is genuine, its number, date and state, and nothing else."""
    try:
        _limit(request)
    except Problem as problem:
        return _message(request, problem.detail or problem.title, problem.status)
    casebook = request.app.state.casebook
    check = await asyncio.to_thread(casebook.pledges.check_letter, find_reference(reference) or "", c)
    return _checked(request, check, "code", 200 if check else 404)
