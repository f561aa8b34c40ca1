"""The JSON API under /api: chat, health, lookup, requirements, regions, editions."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import date
from typing import Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from bot.settings import VERSION
from proof_catalogue.errors import CatalogueError
from proof_catalogue.search import Hit, search, search_faqs

from .conversation import converse
from .problems import Problem
from .schemas import PROBLEMS, ChatReply, EditionList, Health, LookupReply, RequirementReply

MAX_BODY = 16 * 1024
router = APIRouter(prefix="/api", responses=PROBLEMS)


async def read_json(request: Request) -> dict[str, Any]:
    """Return the request's JSON object. Raises Problem 413 over 16 KiB, 400 if it is not JSON, 422 if not an object."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise Problem(413, "Too large", "请求超过16 KiB。")
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Problem(400, "Not JSON", "请求不是有效的UTF-8 JSON。") from None
    if not isinstance(value, dict):
        raise Problem(422, "Not an object", "请求应当是一个JSON对象。", "body")
    return value


def _text(body: dict[str, Any], name: str, longest: int) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Problem(422, "Wrong type", f"{name} 应当是文字。", name)
    if len(value) > longest:
        raise Problem(422, "Too long", f"{name} 太长。", name)
    return value


@router.post(
    "/chat",
    response_model=ChatReply,
    openapi_extra={
        "requestBody": {
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            "session_id": {"type": "string", "nullable": True},
                            "message": {"type": "string", "minLength": 1, "maxLength": 500},
                            "payload": {"type": "string"},
                            "region": {"type": "string", "nullable": True, "pattern": r"^\d{6}$"},
                        },
                    }
                }
            },
            "required": True,
        }
    },
)
async def chat(request: Request) -> JSONResponse:
    """Answer one message, or one pressed button."""
    body = await read_json(request)
    message, payload = _text(body, "message", 8000), _text(body, "payload", 200)
    if (message is None) == (payload is None):
        raise Problem(
            422, "One of message and payload", "message 和 payload 请给一个，也只给一个。", "message"
        )
    reply = await converse(
        request.app,
        session_id=_text(body, "session_id", 200),
        message=message,
        payload=payload,
        region=_text(body, "region", 20) or None,
        channel="api",
        client=request.client.host if request.client else "unknown",
    )
    return JSONResponse(reply)


@router.get("/health", response_model=Health)
async def health(request: Request) -> dict[str, Any]:
    """Say whether a real question can be answered, and from which edition."""
    state = request.app.state
    catalogue = state.catalogue
    return {
        "status": "ok" if state.rasa.up and catalogue else "degraded",
        "rasa": state.rasa.up,
        "catalogue": {
            "edition": catalogue.meta["edition"],
            "requirements": len(catalogue.rows),
            "published_at": catalogue.meta["published_at"],
        }
        if catalogue
        else None,
        "version": VERSION,
    }


def _result(hit: Hit) -> dict[str, Any]:
    row = hit.row
    return {
        "requirement_id": row.id,
        "proof": row.proof,
        "matter": row.matter,
        "region": {"code": row.region_code, "name": row.region},
        "verdict": row.verdict(),
        "score": round(hit.score, 4),
        "matched": list(hit.matched),
    }


@router.get("/lookup", response_model=LookupReply)
async def lookup(
    request: Request,
    q: str = Query(min_length=1, max_length=200),
    region: str | None = Query(default=None, pattern=r"^\d{6}$"),
    limit: int = Query(default=10, ge=1, le=50),
    on: date | None = Query(default=None, description="the day that is asked about; today if not given"),
) -> dict[str, Any]:
    """Search the catalogue; works without Rasa."""
    state = request.app.state
    state.limiter.check(request.client.host if request.client else "unknown")
    catalogue = state.catalogue
    if region is not None and region not in catalogue.regions:
        raise Problem(422, "Unknown region", "没有这个行政区划代码。", "region")
    started = time.perf_counter()
    hits = await asyncio.to_thread(search, catalogue, q, region, limit, on)
    faqs = await asyncio.to_thread(search_faqs, catalogue, q, 3, on)
    return {
        "query": q,
        "edition": catalogue.meta["edition"],
        "took_ms": round((time.perf_counter() - started) * 1000, 2),
        "results": [_result(h) for h in hits],
        "faqs": [
            {
                "id": f.id,
                "question": f.question,
                "answer": f.answer,
                "sources": list(f.sources),
                "unverified": f.unverified,
                "score": round(s, 4),
            }
            for f, s in faqs
        ],
    }


@router.get("/requirements/{requirement_id}", response_model=RequirementReply)
async def requirement(request: Request, requirement_id: str) -> dict[str, Any]:
    """Return one row as it is in force, and every published change of it, newest first."""
    catalogue = request.app.state.catalogue
    try:
        row = catalogue.requirement(requirement_id)
    except CatalogueError:
        raise Problem(404, "No such requirement", "目录里没有这个编号。", "requirement_id") from None
    changes = await asyncio.to_thread(request.app.state.editions.history, "row", requirement_id)
    return {
        "requirement": row.json(),
        "verdict": row.verdict(),
        "edition": catalogue.meta["edition"],
        "history": changes,
    }


@router.get("/regions")
async def regions(request: Request) -> list[dict[str, Any]]:
    """Return the home province's regions as a tree."""
    return request.app.state.regions


@router.get("/editions", response_model=EditionList)
async def editions(request: Request) -> dict[str, Any]:
    """Return the published editions, newest first."""
    found = await asyncio.to_thread(request.app.state.editions.all)
    return {"editions": [e.json() for e in found]}
