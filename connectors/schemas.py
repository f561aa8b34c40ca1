"""The shapes of the wire contract, for OpenAPI; tests check real replies against them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class Place(BaseModel):
    """A region by code and name."""

    code: str
    name: str


class Source(BaseModel):
    """Where a statement is from."""

    title: str
    url: str
    date: str
    confidence: str


class VerdictBody(BaseModel):
    """What the catalogue says of one requirement."""

    kind: str
    requirement_id: str
    proof: str
    matter: str
    region: Place
    paths: list[str]
    replacement: str
    demanding_authority: str
    issuing_authority: str
    legal_basis: str
    sources: list[Source]
    caution: str | None


class Candidate(BaseModel):
    """A row that may be meant."""

    requirement_id: str
    proof: str
    matter: str
    region: str
    score: float


class Button(BaseModel):
    """What the citizen can press."""

    title: str
    payload: str


class ReplyBody(BaseModel):
    """One bubble."""

    text: str
    buttons: list[Button]
    card: dict[str, Any] | None


class IntentBody(BaseModel):
    """What the message was taken for."""

    name: str
    confidence: float


class Slots(BaseModel):
    """What the conversation is about."""

    proof: str | None
    matter: str | None
    region: Place | None


class ChatReply(BaseModel):
    """The reply of POST /api/chat."""

    session_id: str
    message_id: str
    outcome: str
    intent: IntentBody
    slots: Slots
    replies: list[ReplyBody]
    verdict: VerdictBody | None
    verdicts: list[VerdictBody] | None = None
    candidates: list[Candidate]
    form: dict[str, Any] | None
    degraded: bool
    edition: str  # the edition that the answer comes from


class CatalogueState(BaseModel):
    """The edition in force."""

    edition: str
    requirements: int
    published_at: str


class Health(BaseModel):
    """The reply of GET /api/health."""

    status: str
    rasa: bool
    catalogue: CatalogueState | None
    version: str


class LookupResult(BaseModel):
    """One row that a search found."""

    requirement_id: str
    proof: str
    matter: str
    region: Place
    verdict: VerdictBody
    score: float
    matched: list[str]


class LookupReply(BaseModel):
    """The reply of GET /api/lookup."""

    query: str
    took_ms: float
    edition: str
    results: list[LookupResult]
    faqs: list[dict[str, Any]]


class RequirementReply(BaseModel):
    """The reply of GET /api/requirements/{id}."""

    requirement: dict[str, Any]
    verdict: VerdictBody
    edition: str
    history: list[dict[str, Any]]


class EditionList(BaseModel):
    """The reply of GET /api/editions."""

    editions: list[dict[str, Any]]


class ProblemBody(BaseModel):
    """Every error: application/problem+json (RFC 9457)."""

    type: str
    status: int
    title: str
    detail: str
    errors: list[dict[str, Any]] | None = None


PROBLEMS: dict[Any, dict[str, Any]] = {
    status: {
        "model": ProblemBody,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
    }
    for status in (400, 404, 413, 422, 429, 503)
}


def allow_nulls(document: dict[str, Any]) -> dict[str, Any]:
    """Say in an OpenAPI `document` where null may stand and that errors are problem documents; pydantic 1 leaves both out."""
    for model in BaseModel.__subclasses__():
        described = document["components"]["schemas"].get(model.__name__)
        for name, field in model.__fields__.items():
            if described and field.allow_none:
                held = described["properties"][name]
                described["properties"][name] = {"anyOf": [held, {"type": "null"}]}
    for path in document["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    answer["content"] = {
                        "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}
                    }
    return document
