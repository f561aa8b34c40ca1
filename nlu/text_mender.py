"""Rasa component: brings a message into the catalogue's spelling before anything looks at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from proof_catalogue.store import Catalogue, open_default


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class TextMender(GraphComponent):
    """Simplifies traditional characters and mends homophones and pinyin in the text itself, in training and in use.

    Entities found later have their offsets in the mended text, which is the text that the tracker keeps.
    """

    def __init__(self, catalogue: Callable[[], Catalogue]) -> None:
        self._catalogue = catalogue

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """No settings: the catalogue lies where MIANZHENG_DATA says."""
        return {}

    @staticmethod
    def required_packages() -> list[str]:
        """Packages that must be importable."""
        return ["jieba", "pypinyin"]

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> TextMender:
        """Open the catalogue of this process."""
        return cls(open_default)

    def process(self, messages: list[Message]) -> list[Message]:
        """Mend the text of each message."""
        for message in messages:
            text = message.get(TEXT)
            if text and not text.startswith("/"):
                message.set(TEXT, self._catalogue().linker.mend(text) or text, add_to_output=True)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Mend the training examples, but those whose annotated entities would move."""
        self.process([m for m in training_data.training_examples if not m.get("entities")])
        return training_data
