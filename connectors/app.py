"""The web process: chat page, JSON API, static files, error documents, security headers."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles

from bot.settings import VERSION, Settings, read_settings
from proof_catalogue.regions import Region
from proof_catalogue.store import Catalogue

from . import api, problems, web
from .guards import RateLimiter, counts
from .rasa_client import RasaClient
from .schemas import allow_nulls
from .sessions import Sessions
from .switches import Switches
from .wechat import callback as wechat

log = logging.getLogger("mianzheng.web")


def region_tree(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return the home province with its cities and counties."""

    def node(region: Region) -> dict[str, Any]:
        children = [node(r) for r in catalogue.regions.children(region.code)]
        return {"code": region.code, "name": region.name, "level": region.level, "children": children}

    return [node(catalogue.regions.get(catalogue.regions.home))]


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application; nothing is opened before it starts."""
    settings = settings or read_settings()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        catalogue = await asyncio.to_thread(Catalogue, settings.catalogue)
        await asyncio.to_thread(lambda: (catalogue.linker.link("热身"), catalogue.near("热身")))
        app.state.regions = region_tree(catalogue)
        app.state.notice = {
            "edition": catalogue.meta["edition"],
            "published_at": catalogue.meta["published_at"],
        }
        app.state.catalogue = catalogue
        watcher = asyncio.create_task(app.state.rasa.watch())
        if app.state.wechat:
            await app.state.wechat.start()
        yield
        if app.state.wechat:
            await app.state.wechat.close()
        watcher.cancel()
        await app.state.rasa.close()

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
    app.state.examples = web.words()["examples"]
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

    @app.middleware("http")
    async def headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if "\x00" in request.url.path or "%00" in request.scope.get("raw_path", b"").decode("latin-1"):
            return problems.Problem(404, "Not Found", "没有这个地址。").response()
        response = await call_next(request)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("X-Frame-Options", "DENY")
        if request.url.path.startswith("/api/"):
            response.headers.setdefault("Cache-Control", "no-store")
            response.headers.setdefault(
                "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"
            )
        return response

    app.include_router(api.router)
    app.include_router(web.router)
    app.include_router(wechat.router)
    app.mount("/static", StaticFiles(directory=web.STATIC_DIR))
    return app
