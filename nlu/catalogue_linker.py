"""Rasa component: finds proof, matter and region in a message with the catalogue's linker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message

from proof_catalogue.store import Catalogue, open_default

from .question_splitter import PART

UNDERSTOOD = "catalogue"  # the key under which the parse result carries what was found


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class CatalogueLinker(GraphComponent):
    """Sets entities `proof`, `matter`, `region`, and leaves the links for the actions."""

    def __init__(self, catalogue: Callable[[], Catalogue]) -> None:
        self._catalogue = catalogue
        catalogue().linker.link("热身 reshen")

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """No settings: the catalogue lies where MIANZHENG_DATA says."""
        return {}

    @staticmethod
    def required_packages() -> list[str]:
        """Packages that must be importable."""
        return ["spacy", "jieba", "pypinyin"]

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> CatalogueLinker:
        """Open the catalogue of this process."""
        return cls(open_default)

    def process(self, messages: list[Message]) -> list[Message]:
        """Link each message; one that names nothing keeps its entities as they were."""
        whole: Message | None = None
        for message in messages:
            self._link(message)
            if not message.get(PART):
                whole = message
            elif whole is not None:
                whole.get(UNDERSTOOD).setdefault("parts", []).append(_part(message))
        return [m for m in messages if not m.get(PART)]

    def _link(self, message: Message) -> None:
        text = message.get(TEXT) or ""
        links = self._catalogue().linker.link(text)
        entities = list(message.get(ENTITIES, []))
        for mention in (*links.proofs, *links.matters):
            entities.append(
                _entity(mention.term.kind, mention.term.name, mention.start, mention.end, len(text))
            )
        for region, start, end in links.regions:
            entities.append(_entity("region", region.code, start, end, len(text)))
        message.set(ENTITIES, entities, add_to_output=True)
        message.set(UNDERSTOOD, {"links": links.json()}, add_to_output=True)


def _part(message: Message) -> dict[str, Any]:
    return {"text": message.get(TEXT), "intent": message.get(INTENT), **message.get(UNDERSTOOD)}


def _entity(kind: str, value: str, start: int, end: int, length: int) -> dict[str, Any]:
    # Pinyin that was mended moves offsets; they never point outside the text.
    return {
        "entity": kind,
        "value": value,
        "start": min(start, length),
        "end": min(end, length),
        "extractor": "CatalogueLinker",
    }
