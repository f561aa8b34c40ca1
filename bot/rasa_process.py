"""Starts Rasa (`python -m bot.rasa_process run …`) without citizens' words in its logs and without needless work."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import Any

from proof_catalogue.text import cutter

# Loggers that put the text of a message, or an exception that quotes it, into their records.
_TALKATIVE = (
    "rasa.core.channels",
    "rasa.core.processor",
    "rasa.core.agent",
    "rasa.core.lock_store",
    "rasa.nlu",
    "rasa_sdk",
    "sanic",
)


def withhold(record: logging.LogRecord) -> None:
    """Replace what a record says by the place it came from and the kind of error; in place."""
    kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else "message withheld"
    record.msg, record.args = f"{record.name}:{record.lineno} ({kind})", ()
    record.exc_info = record.exc_text = None


def withhold_texts() -> None:
    """Withhold the texts of talkative loggers, at the one place where all log records are made."""
    factory = logging.getLogRecordFactory()

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = factory(*args, **kwargs)
        if record.name.startswith(_TALKATIVE) and record.levelno != logging.INFO:
            withhold(record)
        return record

    logging.setLogRecordFactory(make)


def _validate_quickly() -> None:
    """Compile the schema of action replies once; Rasa 3.6 checks the schema itself on every call (docs/adr/0006)."""
    from jsonschema.validators import validator_for
    from rasa.core.actions.action import RemoteAction

    schema = RemoteAction.action_response_format_spec()
    validator = validator_for(schema)(schema)

    def check(self: RemoteAction, result: dict[str, Any]) -> bool:
        validator.validate(result)
        return True

    RemoteAction._validate_action_result = check  # type: ignore[method-assign]


def main() -> None:
    """Run Rasa's own command line."""
    # Rasa turns Python's warnings on; those of its old dependencies help nobody who runs this.
    warnings.showwarning = lambda *args, **kwargs: None
    cutter()
    withhold_texts()
    _validate_quickly()
    from rasa.__main__ import main as rasa_main

    sys.argv[0] = "rasa"
    rasa_main()


if __name__ == "__main__":
    main()
