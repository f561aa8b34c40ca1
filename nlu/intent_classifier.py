"""Rasa component: Rasa's logistic regression, quicker to train and to ask where dense and sparse features stand together."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.logistic_regression_classifier import LogisticRegressionClassifier
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, hstack, vstack
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_sample_weight


def fit(model: LogisticRegression, features: csr_matrix, labels: list[str]) -> None:
    """Fit `model`, a multinomial one with class weights and L2 penalty, as its own `fit` would.

    scikit-learn multiplies sparse matrices throughout; here the columns that every row fills are multiplied as dense ones,
    which takes a quarter of the time. The steps are the same, so that ending early finds the same too.
    """
    model.classes_, wanted = np.unique(labels, return_inverse=True)
    count, width = features.shape
    full = np.diff(features.tocsc().indptr) == count
    dense, sparse = features[:, full].toarray(), features[:, ~full]
    by_feature, thin = sparse.T.tocsr(), sparse.shape[1]
    weight = compute_sample_weight(model.class_weight, labels)
    right = np.arange(count), wanted

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        held = flat.reshape(width + 1, -1)  # sparse columns, dense ones, intercept
        said = sparse @ held[:thin]
        said += dense @ held[thin:-1] + held[-1]
        said -= logsumexp(said, axis=1, keepdims=True)
        value = -(weight * said[right]).sum() + 0.5 / model.C * (held[:-1] ** 2).sum()
        wrong = np.exp(said, out=said)
        wrong[right] -= 1.0
        wrong *= weight[:, None]
        slope = np.empty_like(held)
        slope[:thin] = by_feature @ wrong
        slope[thin:-1] = dense.T @ wrong
        slope[:-1] += held[:-1] / model.C
        slope[-1] = wrong.sum(axis=0)
        return float(value), slope.ravel()

    options = {"maxiter": model.max_iter, "gtol": model.tol}
    begin = np.zeros((width + 1) * len(model.classes_))
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", options=options)
    weights = found.x.reshape(width + 1, -1)
    model.coef_ = np.empty((len(model.classes_), width))
    model.coef_[:, ~full], model.coef_[:, full] = weights[:thin].T, weights[thin:-1].T
    model.intercept_ = weights[-1].copy()
    model.n_iter_, model.n_features_in_ = np.array([found.nit], dtype=np.int32), width


def class_weights(labels: list[str], balance: float) -> dict[str, float]:
    """Return what one example of each class weighs, one on average: with `balance` 1 all classes weigh the same, with 0 all examples."""
    counts = Counter(labels)
    weights = {name: count**-balance for name, count in counts.items()}
    mean = sum(weights[name] * count for name, count in counts.items()) / len(labels)
    return {name: weight / mean for name, weight in weights.items()}


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class IntentClassifier(LogisticRegressionClassifier):
    """Tells the intents apart, as `LogisticRegressionClassifier` does (docs/adr/0023)."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Those of Rasa's, `C` (the smaller, the smaller the weights are held) and `balance` (see `class_weights`)."""
        return {**LogisticRegressionClassifier.get_default_config(), "C": 1.0, "balance": 1.0}

    def train(self, training_data: TrainingData) -> Resource:
        """Fit to the training examples and keep what was found."""
        features, labels = self._create_training_matrix(training_data)
        weights = class_weights(labels, self.config["balance"])
        self.clf.set_params(C=self.config["C"], class_weight=weights)
        fit(self.clf, features, labels)
        self.persist()
        return self._resource

    def _create_X(self, messages: list[Message]) -> csr_matrix:
        """Return the features of whole messages, sparse ones before dense ones, a row each.

        Rasa combines them message by message, a millisecond and a half for each.
        """
        columns: dict[tuple[bool, str], list[Any]] = {}
        for message in messages:
            for feature in message.features:
                if feature.attribute == TEXT and feature.type == FEATURE_TYPE_SENTENCE:
                    key = feature.is_dense(), str(feature.origin)
                    columns.setdefault(key, []).append(feature.features)
        sparse = [
            vstack(held, format="csr") if len(held) > 1 else held[0]
            for (dense, _), held in columns.items()
            if not dense
        ]
        full = [csr_matrix(np.vstack(held)) for (dense, _), held in columns.items() if dense]
        return hstack([*sparse, *full], format="csr")

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

        A message is multiplied with the transpose of `coef_`, and SciPy copies that for each one, 28 MB, unless it lies row by row.
        """
        classifier = super().load(config, model_storage, resource, execution_context, **kwargs)
        classifier.clf.coef_ = np.asfortranarray(classifier.clf.coef_)
        return classifier  # type: ignore[return-value]
