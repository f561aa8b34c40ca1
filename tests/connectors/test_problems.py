"""Errors on the wire and in the log: neither stack traces nor citizens' words."""

import logging
import threading

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from connectors import problems, serve
from connectors.problems import Problem

from ..support import free_ports, wait_for

MARK = "我的秘密是二二八"


@pytest.fixture
def app():
    made = FastAPI()
    problems.install(made)

    @made.get("/fails")
    async def fails():
        raise ValueError(f"cannot understand {MARK}")

    @made.get("/known")
    async def known():
        raise Problem(422, "Too long", "太长。", "message", {"X-Hint": "1"})

    @made.get("/number/{n}")
    async def number(n: int):
        return n

    return made


def test_a_problem_document(app):
    response = TestClient(app).get("/known")
    assert response.status_code == 422 and response.headers["content-type"].startswith(
        "application/problem+json"
    )
    assert response.headers["x-hint"] == "1"
    assert response.json() == {
        "type": "about:blank",
        "status": 422,
        "title": "Too long",
        "detail": "太长。",
        "errors": [{"field": "message", "detail": "太长。"}],
    }


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/none", 404), ("POST", "/known", 405), ("GET", "/number/x", 422), ("GET", "/fails", 500)],
)
def test_every_error_is_a_problem_document(app, method, path, status):
    response = TestClient(app, raise_server_exceptions=False).request(method, path)
    assert response.status_code == status and response.headers["content-type"].startswith(
        "application/problem+json"
    )
    assert response.json()["status"] == status and response.json()["title"]
    assert MARK not in response.text and "Traceback" not in response.text and ".py" not in response.text


def test_what_a_citizen_wrote_does_not_reach_the_log_when_the_code_fails(app, monkeypatch):
    """In a real server, started as the web process starts it, which logs by itself what an application lets through."""
    options = {}
    monkeypatch.setattr(uvicorn, "run", lambda _, **names: options.update(names))
    serve.main()
    server = uvicorn.Server(
        uvicorn.Config(app, **{**options, "host": "127.0.0.1", "port": free_ports(1)[0], "log_config": None})
    )
    said = []

    class Keeper(logging.Handler):
        def emit(self, record):
            said.append(logging.Formatter("%(name)s %(message)s").format(record))

    keeper = Keeper()
    logging.getLogger().addHandler(keeper)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        assert wait_for(lambda: server.started, 10)
        response = httpx.get(f"http://127.0.0.1:{server.config.port}/fails", trust_env=False)
        assert response.status_code == 500
    finally:
        server.should_exit = True
        thread.join(10)
        logging.getLogger().removeHandler(keeper)
    assert any("ValueError" in line for line in said), "the kind of error is logged"
    assert MARK not in "\n".join(said) and "Traceback" not in "\n".join(said)
