"""Starts the web process: `python -m connectors.serve`."""

from __future__ import annotations

import logging

import uvicorn

from bot.settings import read_settings

from .app import create_app


def main() -> None:
    """Serve until ended. Access logs are off: paths and queries may hold citizens' words."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for noisy in ("alembic", "httpx", "httpcore", "jieba"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Starlette raises again what the problem handler has answered; uvicorn would log its text, which may be a citizen's.
    logging.getLogger("uvicorn.error").addFilter(lambda record: record.exc_info is None)
    settings = read_settings()
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_level="warning",
        server_header=False,
        ws="none",
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        limit_concurrency=500,
        timeout_keep_alive=30,
    )


if __name__ == "__main__":
    main()
