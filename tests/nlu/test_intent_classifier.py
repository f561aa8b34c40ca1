"""The classifier's own fit finds what scikit-learn's finds, and loading lays the weights out for one message."""

import numpy as np
import pytest
from rasa.nlu.classifiers.logistic_regression_classifier import LogisticRegressionClassifier
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, FEATURE_TYPE_SEQUENCE, INTENT, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from scipy.sparse import csr_matrix, hstack, random
from sklearn.linear_model import LogisticRegression

from nlu.intent_classifier import IntentClassifier, class_weights, fit

NAMES = ("abuse", "affirm", "human")


def _data(count=240, seed=3):
    chance = np.random.default_rng(seed)
    labels = chance.choice(NAMES, size=count, p=(0.6, 0.1, 0.3))
    sparse = random(count, 40, density=0.1, random_state=seed, format="csr")
    dense = chance.standard_normal((count, 6)) + np.array([NAMES.index(n) for n in labels])[:, None] * 0.5
    return csr_matrix(hstack([sparse, csr_matrix(dense)])), labels.tolist()


def _model(**settings):
    return LogisticRegression(class_weight="balanced", max_iter=2000, tol=1e-7, **settings)


@pytest.mark.parametrize("penalty", [0.1, 1.0])
def test_the_same_probabilities_as_scikit_learn(penalty):
    features, labels = _data()
    ours, theirs = _model(C=penalty), _model(C=penalty).fit(features, labels)
    fit(ours, features, labels)
    assert ours.classes_.tolist() == sorted(NAMES)
    assert ours.predict_proba(features) == pytest.approx(theirs.predict_proba(features), abs=1e-4)


@pytest.mark.parametrize("columns", [slice(0, 40), slice(40, 46)])
def test_features_of_one_kind_only(columns):
    features, labels = _data()
    part = csr_matrix(features[:, columns])
    ours, theirs = _model(), _model().fit(part, labels)
    fit(ours, part, labels)
    assert ours.predict_proba(part) == pytest.approx(theirs.predict_proba(part), abs=1e-4)


def test_weights_in_the_other_order_say_the_same():
    features, labels = _data()
    model = _model()
    fit(model, features, labels)
    before = model.predict_proba(features[:5])
    model.coef_ = np.asfortranarray(model.coef_)
    assert model.coef_.T.flags["C_CONTIGUOUS"] and (model.predict_proba(features[:5]) == before).all()


@pytest.mark.parametrize(("balance", "rare"), [(0.0, 1.0), (0.5, 2.0), (1.0, 4.0)])
def test_rare_classes_weigh_more_the_more_is_balanced(balance, rare):
    labels = ["human"] * 80 + ["abuse"] * 20 + ["affirm"] * 5
    weights = class_weights(labels, balance)
    assert weights["abuse"] / weights["human"] == pytest.approx(rare)
    assert sum(weights[name] for name in labels) == pytest.approx(len(labels))


def test_the_features_of_messages_are_those_that_rasa_would_combine():
    def message(seed):
        chance = np.random.default_rng(seed)
        made = Message({TEXT: "在吗", INTENT: "greet"})
        for kind, rows in ((FEATURE_TYPE_SEQUENCE, 2), (FEATURE_TYPE_SENTENCE, 1)):
            made.add_features(Features(chance.random((rows, 3)), kind, TEXT, "encoder"))
            for origin, width in (("words", 5), ("characters", 9)):
                counted = random(rows, width, density=0.5, random_state=seed, format="csr")
                made.add_features(Features(counted, kind, TEXT, origin))
        return made

    messages = [message(seed) for seed in range(4)]
    classifier = IntentClassifier(IntentClassifier.get_default_config(), "classifier", None, None)
    ours, theirs = (
        classifier._create_X(messages),
        LogisticRegressionClassifier._create_X(classifier, messages),
    )
    assert ours.shape == (4, 17) and (ours.toarray() == theirs.toarray()).all()
    assert (classifier._create_X(messages[2:3]).toarray() == theirs.toarray()[2]).all()
