"""The web process in this process, with Rasa down: answers come from the catalogue."""

from __future__ import annotations

import dataclasses
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from playwright.sync_api import Browser
from starlette.testclient import TestClient

from bot.settings import Settings
from connectors.app import create_app
from proof_catalogue import store

from ..browser import Visit, chromium_running, open_visit
from ..support import free_ports


class Visitor(TestClient):
    """A client that sends forms as browsers do: with the cookie and the token of the page that it has seen."""

    @property
    def token(self) -> str:
        """The token in the forms of a page."""
        found = re.search(r'name="csrf" value="(\w+)"', self.get("/").text)
        assert found
        return found[1]

    def post(self, url: str, **options: Any) -> Any:
        """Post; a form gets the token unless it brings one."""
        form = "json" not in options and "content" not in options
        if form and not url.startswith(("/api/", "/wechat/")) and "csrf" not in (options.get("data") or {}):
            options["data"] = {"csrf": self.token, **(options.get("data") or {})}
        return super().post(url, **options)


@pytest.fixture(scope="session")
def make_client(here: Settings, catalogue: store.Catalogue) -> Callable[..., TestClient]:
    """Make a client of an application with other settings; use it in a `with`."""

    def make(**changes: Any) -> TestClient:
        app = create_app(dataclasses.replace(here, **changes))
        return Visitor(
            app, base_url="http://testserver", raise_server_exceptions=False, follow_redirects=False
        )

    return make


@pytest.fixture(scope="session")
def session_web(make_client: Callable[..., TestClient]) -> Iterator[TestClient]:
    """One application for all tests: opening it takes a second."""
    with make_client() as client:
        yield client


@pytest.fixture
def web(session_web: TestClient) -> TestClient:
    """The application, without cookies of other tests."""
    session_web.cookies.clear()
    return session_web


@pytest.fixture
def chat(web: TestClient) -> Callable[..., dict[str, Any]]:
    """Send one turn that must succeed."""

    def send(message: str | None = None, **fields: Any) -> dict[str, Any]:
        body = {"message": message, **fields} if message is not None else fields
        response = web.post("/api/chat", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    return send


# --- in a browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A Chromium for one file of tests."""
    with chromium_running() as browser:
        yield browser


@pytest.fixture
def visits(chromium: Browser) -> Iterator[Callable[..., Visit]]:
    """Open pages of a system; at the end each must have asked no other host and complained of nothing."""
    opened: list[Visit] = []

    def go(base: str, *args: Any, **options: Any) -> Visit:
        opened.append(open_visit(chromium, base, *args, **options))
        return opened[-1]

    yield go
    for one in opened:
        one.page.context.close()
    for one in opened:
        assert one.hosts == {urlsplit(one.base).netloc}
        assert one.complaints == []


@pytest.fixture
def visit(visits: Callable[..., Visit], stack) -> Callable[..., Visit]:
    """Open the page of the running system."""
    return lambda *args, **options: visits(stack.base, *args, **options)


@pytest.fixture
def serve(here: Settings, catalogue: store.Catalogue) -> Iterator[Callable[..., Any]]:
    """Serve an application with other settings, Rasa down, to a browser; gives its address and the application."""
    running = []

    def start(**changes: Any) -> tuple[str, Any]:
        (port,) = free_ports(1)
        app = create_app(dataclasses.replace(here, port=port, **changes))
        server = uvicorn.Server(uvicorn.Config(app, port=port, ws="none", log_level="warning"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        running.append((server, thread))
        while not server.started:
            assert thread.is_alive(), "the application did not start"
            time.sleep(0.05)
        return f"http://127.0.0.1:{port}", app

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(10)
