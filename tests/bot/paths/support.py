"""A platform of the province on loopback, as a real HTTP server."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bot.paths.service import signature

SECRET = "a secret of the tests"


class Platform:
    """Answers POST requests from a list of replies, the last one over and over; refuses what is signed wrongly.

    A reply is a body, or (status, body, delay in seconds), or a function that makes one of the request.
    """

    def __init__(self, *replies: Any) -> None:
        self.replies = list(replies)
        self.requests: list[dict[str, Any]] = []
        self.nonces: set[str] = set()
        platform = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer, late = platform.answer(self.path, dict(self.headers), body)
                time.sleep(late)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # whoever asked may have given up
                    self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/api"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes, float]:
        """Return status, body and delay of the next reply."""
        stamp, nonce = headers["X-Mianzheng-Timestamp"], headers["X-Mianzheng-Nonce"]
        right = signature(SECRET, "POST", path, stamp, nonce, body) == headers["X-Mianzheng-Signature"]
        if not right or nonce in self.nonces or abs(time.time() - int(stamp)) > 60:
            return 401, b"{}", 0.0
        self.nonces.add(nonce)
        self.requests.append({"path": path, **json.loads(body)})
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        reply = reply(self.requests[-1]) if callable(reply) else reply
        status, answer, late = reply if isinstance(reply, tuple) else (200, reply, 0.0)
        return status, answer if isinstance(answer, bytes) else json.dumps(answer).encode(), late

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
