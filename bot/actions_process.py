"""Starts the action server on loopback (`python -m bot.actions_process`)."""

from __future__ import annotations

import logging
import os
import warnings


def main() -> None:
    """Open the catalogue, then serve; ready means able to answer."""
    logging.basicConfig(level=logging.WARNING)
    warnings.showwarning = lambda *args, **kwargs: None
    os.environ["SANIC_HOST"] = "127.0.0.1"
    from rasa_sdk import endpoint

    from proof_catalogue.store import open_default

    from .rasa_process import withhold_texts
    from .settings import read_settings

    withhold_texts()

    catalogue = open_default()
    # Follow-ups are linked and compared here; the first citizen must not wait for the encoder to load.
    catalogue.linker.link("热身")
    catalogue.near("热身")
    endpoint.run("actions", port=read_settings().actions_port)


if __name__ == "__main__":
    main()
