"""The web process in this process, with Rasa down: answers come from the catalogue."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from bot.settings import Settings
from connectors.app import create_app
from proof_catalogue import store


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
