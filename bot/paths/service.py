"""Signed requests to a platform of the province: short timeouts, retries with jitter, a circuit breaker."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
import pybreaker
import tenacity

ATTEMPTS = 3
ALTOGETHER = 2.5  # seconds, after which no attempt is begun: a citizen is waiting
TIMEOUT = httpx.Timeout(1.0, connect=0.5)
FAILURES_TO_OPEN = 5
REST_SECONDS = 30.0  # how long nothing is asked once the breaker is open
MOST_BYTES = 64 * 1024


class ServiceDown(Exception):
    """The service gave no usable answer; the message says why and holds nothing of the request."""


class _TryAgain(Exception):
    """An attempt failed in a way that may pass."""


def signature(secret: str, method: str, path: str, timestamp: str, nonce: str, body: bytes) -> str:
    """Return the HMAC-SHA256, in hex, that the platform compares: over method, path, time, nonce and the body's hash."""
    signed = "\n".join([method, path, timestamp, nonce, hashlib.sha256(body).hexdigest()])
    return hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()


class SignedService:
    """A JSON service at one address. Safe to use from many threads."""

    def __init__(
        self, base: str, secret: str, *, rest_seconds: float = REST_SECONDS, altogether: float = ALTOGETHER
    ) -> None:
        self._base, self._secret = base.rstrip("/"), secret
        self._client = httpx.Client(timeout=TIMEOUT, follow_redirects=False)
        self._breaker = pybreaker.CircuitBreaker(fail_max=FAILURES_TO_OPEN, reset_timeout=rest_seconds)
        self._altogether = altogether

    def ask(self, path: str, request: dict[str, Any]) -> dict[str, Any]:
        """Send `request` to `path` and return the JSON object that comes back. Raises ServiceDown."""
        attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(ATTEMPTS) | tenacity.stop_after_delay(self._altogether),
            wait=tenacity.wait_random_exponential(multiplier=0.1, max=0.6),
            retry=tenacity.retry_if_exception_type(_TryAgain),
            reraise=True,
        )
        try:
            return attempts(self._breaker.call, self._once, path, request)
        except pybreaker.CircuitBreakerError:
            raise ServiceDown("it failed often and is left alone for a while") from None
        except _TryAgain as error:
            raise ServiceDown(str(error)) from None

    def _once(self, path: str, request: dict[str, Any]) -> dict[str, Any]:
        url = self._base + path
        body = json.dumps(request, ensure_ascii=False, sort_keys=True).encode()
        timestamp, nonce = str(int(time.time())), secrets.token_hex(16)
        headers = {
            "Content-Type": "application/json",
            "X-Mianzheng-Timestamp": timestamp,
            "X-Mianzheng-Nonce": nonce,
            "X-Mianzheng-Signature": signature(
                self._secret, "POST", urlsplit(url).path, timestamp, nonce, body
            ),
        }
        try:
            with self._client.stream("POST", url, content=body, headers=headers) as response:
                status, data = response.status_code, b""
                for part in response.iter_bytes():
                    data += part
                    if len(data) > MOST_BYTES:
                        raise ServiceDown("its answer is too long")
        except httpx.HTTPError as error:
            raise _TryAgain(type(error).__name__) from None
        if status == 429 or status >= 500:
            raise _TryAgain(f"HTTP {status}")
        if status != 200:
            raise ServiceDown(f"HTTP {status}")
        try:
            found = json.loads(data)
        except ValueError:
            raise ServiceDown("its answer is not JSON") from None
        if not isinstance(found, dict):
            raise ServiceDown("its answer is not a JSON object")
        return found

    def close(self) -> None:
        """Close all connections."""
        self._client.close()
