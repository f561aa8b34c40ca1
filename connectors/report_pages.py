"""The page on which a citizen may add a photo to a demand report; opened by its secret link, without a script."""

from __future__ import annotations

import asyncio
import hmac
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from bot.casebook.casebook import CaseError, find_reference
from bot.casebook.demand_reports import DemandReport
from bot.casebook.photo import MOST_BYTES
from bot.paths.guide import Guide

from .pages import check_same_origin, check_token, draw, redirect
from .problems import Problem
from .words import held

MOST_BODY = MOST_BYTES + 64 * 1024  # the photo, and the form around it
router = APIRouter(include_in_schema=False)


def words() -> dict[str, Any]:
    """The words of this page."""
    return held("report_pages")


def _limit(request: Request) -> None:
    request.app.state.limiter.check(request.client.host if request.client else "")


def _message(request: Request, text: str, status: int) -> HTMLResponse:
    return draw("notice.html", request, {"text": text, "w": words()}, status)


def _opened(guide: Guide, reference: str, key: str) -> DemandReport | None:
    """Return the report if `key` is that of its link."""
    number = find_reference(reference) or ""
    if not hmac.compare_digest(key.encode(), guide.report.photo_key(number).encode()):
        return None
    return guide.casebook.reports.get(number)


def _shown(request: Request, report: DemandReport, error: str = "", status: int = 200) -> HTMLResponse:
    guide: Guide = request.app.state.guide
    context = {
        "w": words(),
        "report": report,
        "open": report.state in ("received", "handling"),
        "address": guide.report.photo_url(report.reference),
        "error": error,
    }
    return draw("report_photo.html", request, context, status)


@router.get("/reports/{reference}/photo")
async def show_photo_page(request: Request, reference: str, key: str = "") -> Response:
    """Show the page to who holds its link. The photo itself is for staff only."""
    try:
        _limit(request)
    except Problem as problem:
        return _message(request, problem.detail or problem.title, problem.status)
    report = await asyncio.to_thread(_opened, request.app.state.guide, reference, key)
    return _shown(request, report) if report else _message(request, words()["not_yours"], 404)


@router.post("/reports/{reference}/photo")
async def post_photo(request: Request, reference: str, key: str = "") -> Response:
    """Keep the photo, or erase the one there is. The link is looked at before the body is read."""
    guide: Guide = request.app.state.guide
    report: DemandReport | None = None
    try:
        _limit(request)
        check_same_origin(request)
        report = await asyncio.to_thread(_opened, guide, reference, key)
        if report is None:
            raise Problem(404, "Not Found", words()["not_yours"])
        fields, photo = await _read(request)
        check_token(request, fields.get("csrf", ""))
    except Problem as problem:
        if report is not None and problem.status in (413, 422):
            return _shown(request, report, problem.detail or problem.title, problem.status)
        return _message(request, problem.detail or problem.title, problem.status)
    try:
        if fields.get("do") == "drop":
            await asyncio.to_thread(guide.casebook.reports.drop_photo, report.reference)
        elif not photo:
            return _shown(request, report, words()["no_file"], 422)
        else:
            await asyncio.to_thread(guide.casebook.reports.add_photo, report.reference, photo)
    except CaseError as error:
        if error.code in ("too_long", "bad_value"):
            return _shown(request, report, words()[f"photo_{error.code}"], 422)
        return _message(request, words()["ended"], 409)
    return redirect(request, guide.report.photo_url(report.reference))


async def _read(request: Request) -> tuple[dict[str, str], bytes]:
    """Return the fields of the form and the photo's bytes, which never lie on a disk in the clear. Raises Problem 413, 422."""
    too_large = Problem(413, "Content Too Large", words()["photo_too_long"])
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > MOST_BODY:
        raise too_large
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Problem(422, "Unprocessable Content", words()["no_file"])
    parser = MultiPartParser(request.headers, request.stream(), max_files=1, max_fields=4)
    parser.spool_max_size = MOST_BODY + 1
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError):
        raise Problem(422, "Unprocessable Content", words()["no_file"]) from None
    try:
        file = form.get("photo")
        photo = await file.read() if isinstance(file, UploadFile) else b""
        return {name: value for name, value in form.items() if isinstance(value, str)}, photo
    finally:
        await form.close()
