"""Rasa component: Rasa's logistic regression, with its weights laid out as one message wants them."""

from __future__ import annotations

from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.logistic_regression_classifier import LogisticRegressionClassifier


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class IntentClassifier(LogisticRegressionClassifier):
    """Tells the intents apart, as `LogisticRegressionClassifier` does, without copying all weights for each message."""

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> IntentClassifier:
        """Load what training left.

        scikit-learn multiplies sparse features with the transpose of `coef_`, and SciPy copies that unless it lies row by row:
        28 MB and 5 ms a message (docs/adr/0011).
        """
        classifier = super().load(config, model_storage, resource, execution_context, **kwargs)
        if hasattr(classifier.clf, "coef_"):
            classifier.clf.coef_ = np.asfortranarray(classifier.clf.coef_)
        return classifier  # type: ignore[return-value]
