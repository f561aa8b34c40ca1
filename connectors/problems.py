"""Errors on the wire: application/problem+json (RFC 9457), never a stack trace."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

log = logging.getLogger("mianzheng.web")


class Problem(Exception):
    """A request that cannot be served: HTTP `status`, short `title`, `detail` in Chinese, the `field` at fault."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        field: str | None = None,
        headers: dict[str, str] | None = None,
    ):
        super().__init__(title)
        self.status, self.title, self.detail, self.field, self.headers = (
            status,
            title,
            detail,
            field,
            headers or {},
        )

    def response(self) -> JSONResponse:
        """Return the problem document."""
        body: dict[str, object] = {
            "type": "about:blank",
            "status": self.status,
            "title": self.title,
            "detail": self.detail,
        }
        if self.field:
            body["errors"] = [{"field": self.field, "detail": self.detail}]
        return JSONResponse(body, self.status, headers=self.headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem document."""

    @app.exception_handler(Problem)
    async def known(_: Request, problem: Problem) -> JSONResponse:
        return problem.response()

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        return Problem(
            error.status_code, str(error.detail), str(error.detail), headers=dict(error.headers or {})
        ).response()

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        field = ".".join(str(p) for p in first["loc"][1:]) or str(first["loc"][-1])
        if first["type"] == "value_error.jsondecode":
            return Problem(400, "Not JSON", "请求不是有效的JSON。").response()
        return Problem(422, "Invalid request", f"{field}：{first['msg']}", field).response()

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        # The message of an exception may hold what a citizen wrote; its type and place do not.
        frame = error.__traceback__
        while frame and frame.tb_next:
            frame = frame.tb_next
        place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else "?"
        log.error(
            "unexpected %s at %s serving %s %s", type(error).__name__, place, request.method, request.url.path
        )
        return Problem(500, "Internal error", "系统出了点问题，请稍后再试，着急可以打12345。").response()
