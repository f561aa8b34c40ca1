"""No record of a talkative logger says what a citizen wrote."""

import logging
import sys

import pytest

from bot import rasa_process

MARK = "我的秘密是二二八"


@pytest.fixture
def factory():
    before = logging.getLogRecordFactory()
    rasa_process.withhold_texts()
    yield
    logging.setLogRecordFactory(before)


def record(name, level=logging.ERROR, error=False):
    logger = logging.getLogger(name)
    kept = []

    class Keeper(logging.Handler):
        def emit(self, item):
            kept.append(logging.Formatter("%(levelname)s %(name)s %(message)s").format(item))

    keeper = Keeper()
    logger.addHandler(keeper)
    propagate, logger.propagate, before = logger.propagate, False, logger.level
    logger.setLevel(logging.DEBUG)
    try:
        try:
            raise ValueError(f"cannot parse {MARK}")
        except ValueError:
            logger.log(level, f"failed on {MARK} %s", MARK, exc_info=sys.exc_info() if error else None)
    finally:
        logger.removeHandler(keeper)
        logger.propagate = propagate
        logger.setLevel(before)
    return "\n".join(kept)


@pytest.mark.parametrize(
    "name",
    [
        "rasa.core.processor",
        "rasa.core.channels.rest",
        "rasa.core.agent",
        "rasa.nlu.classifiers.x",
        "sanic.error",
        "rasa.core.lock_store",
    ],
)
@pytest.mark.parametrize("level", [logging.DEBUG, logging.WARNING, logging.ERROR])
@pytest.mark.parametrize("error", [True, False])
def test_text_and_traceback_are_withheld_and_the_place_is_kept(factory, name, level, error):
    said = record(name, level, error)
    assert said and MARK not in said and "Traceback" not in said
    assert name in said
    assert ("ValueError" in said) == error


def test_other_loggers_keep_their_words(factory):
    assert "failed on" in record("mianzheng.web")


def test_withhold_in_place():
    item = logging.LogRecord("rasa.x", logging.ERROR, "/a.py", 7, "text %s", (MARK,), None)
    rasa_process.withhold(item)
    assert MARK not in item.getMessage() and "rasa.x:7" in item.getMessage() and not item.args


def test_replies_of_actions_are_still_checked():
    from jsonschema import ValidationError
    from rasa.core.actions.action import RemoteAction

    before = RemoteAction._validate_action_result
    try:
        rasa_process._validate_quickly()
        action = RemoteAction("action_x", None)
        assert action._validate_action_result({"events": [], "responses": []})
        with pytest.raises(ValidationError):
            action._validate_action_result({"events": "none", "responses": []})
    finally:
        RemoteAction._validate_action_result = before
