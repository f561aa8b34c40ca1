"""The web process: chat page, JSON API, static files, error documents, security headers."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import SQLAlchemyError

from bot.casebook.casebook import Casebook, CasebookError, open_casebook
from bot.casebook.sealing import read_keys
from bot.paths.credit import open_credit_records
from bot.paths.guide import Guide
from bot.paths.notifier import Notifier, open_notifier
from bot.paths.shared_data import open_shared_data
from bot.settings import VERSION, Settings, read_settings
from proof_catalogue.regions import Region
from proof_catalogue.store import Catalogue, Current, current

from . import api, pages, pledge_pages, problems, report_pages, web
from .guards import RateLimiter, counts
from .kept_sessions import InFolder, InRedis, KeptSessions
from .rasa_client import RasaClient
from .schemas import allow_nulls
from .sessions import IDLE_SECONDS, Sessions
from .switches import Switches
from .wechat import callback as wechat
from .words import held

log = logging.getLogger("mianzheng.web")
FOLLOW_SECONDS = 0.5


def region_tree(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return the home province with its cities and counties."""

    def node(region: Region) -> dict[str, Any]:
        children = [node(r) for r in catalogue.regions.children(region.code)]
        return {"code": region.code, "name": region.name, "level": region.level, "children": children}

    return [node(catalogue.regions.get(catalogue.regions.home))]


def show(app: FastAPI, catalogue: Catalogue) -> None:
    """Make `catalogue` the one that all requests from now on are answered from."""
    app.state.regions = region_tree(catalogue)
    app.state.guide = app.state.make_guide(catalogue)
    app.state.notice = {name: catalogue.meta[name] for name in ("edition", "published_at")}
    app.state.catalogue = catalogue


async def follow(app: FastAPI, editions: Current) -> None:
    """Show each newly published edition as soon as it is open and warm."""
    while True:
        await asyncio.sleep(FOLLOW_SECONDS)
        held = await asyncio.to_thread(editions.get)
        if held is not app.state.catalogue:
            show(app, held)


async def watch_cases(casebook: Casebook, notifier: Notifier) -> None:
    """Run the casebook's clock job each minute: what is to be reminded of, what became overdue, whom to tell."""
    while True:
        try:
            found = await asyncio.to_thread(casebook.tick)
            await asyncio.to_thread(notifier.deliver)
        except (CasebookError, SQLAlchemyError) as error:
            log.error("the casebook's clock job failed: %s", type(error).__name__)
        else:
            for request in found.escalated:
                log.warning("verification %s is overdue", request.reference)
        await asyncio.sleep(60)


def keep_sessions(settings: Settings, casebook: Casebook) -> KeptSessions:
    """Return where the page's conversations outlive this process: Redis where its address is given, else a folder."""
    url, folder = settings.redis_url, settings.data / "conversations"
    place = InRedis(url, IDLE_SECONDS) if url else InFolder(folder, IDLE_SECONDS)
    return KeptSessions(place, read_keys(settings), casebook.owner_of)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application; nothing is opened before it starts."""
    settings = settings or read_settings()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        editions = await asyncio.to_thread(current, settings.data)
        app.state.editions = editions.editions
        await asyncio.to_thread(editions.get().warm)
        casebook = await asyncio.to_thread(open_casebook, settings)
        credit = open_credit_records(settings, casebook.credit)
        notifier = open_notifier(settings, casebook)
        app.state.casebook = casebook
        app.state.make_guide = functools.partial(
            Guide, casebook=casebook, credit=credit, shared_data=open_shared_data(settings)
        )
        kept = keep_sessions(settings, casebook)
        app.state.sessions.kept = kept
        show(app, editions.get())
        tasks = [
            asyncio.create_task(work)
            for work in (
                app.state.rasa.watch(),
                follow(app, editions),
                watch_cases(casebook, notifier),
                kept.watch(),
            )
        ]
        if app.state.wechat:
            await app.state.wechat.start()
        yield
        if app.state.wechat:
            await app.state.wechat.close()
        for task in tasks:
            task.cancel()
        await app.state.rasa.close()
        await kept.close()
        notifier.close()
        await asyncio.to_thread(casebook.close)

    app = FastAPI(
        title="免证通",
        version=VERSION,
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.catalogue = None
    app.state.regions = []
    app.state.notice = {}
    app.state.examples = held("web.examples")
    app.state.embed_origins = settings.embed_origins
    app.state.sessions = Sessions()
    storage = counts(settings.redis_url)
    app.state.limiter = RateLimiter(settings.rate, storage)
    app.state.person_limiter = RateLimiter(settings.person_rate, storage, of="person")
    app.state.switches = Switches(settings.data)
    app.state.wechat = wechat.WeChat(app, settings) if settings.wechat.token else None
    app.state.rasa = RasaClient(settings.rasa_url, settings.deadline)
    problems.install(app)
    plain = app.openapi
    # FastAPI keeps what it made, so the document is completed once.
    app.openapi = functools.lru_cache(maxsize=1)(lambda: allow_nulls(plain()))  # type: ignore[method-assign]

    # Inside the next, which would hand it a stream: so it knows how long a page is, and leaves short ones alone.
    app.add_middleware(GZipMiddleware, minimum_size=600)

    @app.middleware("http")
    async def headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if "\x00" in request.url.path or "%00" in request.scope.get("raw_path", b"").decode("latin-1"):
            return problems.Problem(404, "Not Found", "没有这个地址。").response()
        response = await call_next(request)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        if request.url.path.startswith("/static/") and request.url.query and response.status_code == 200:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        elif "Content-Security-Policy" not in response.headers:
            response.headers.setdefault("Cache-Control", "no-store")
            response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
            response.headers["X-Frame-Options"] = "DENY"
        return response

    app.include_router(api.router)
    app.include_router(web.router)
    app.include_router(pledge_pages.router)
    app.include_router(report_pages.router)
    app.include_router(wechat.router)
    app.mount("/static", StaticFiles(directory=pages.STATIC_DIR))
    return app
