"""Tells Rasa where this project keeps its training data, so that `rasa train` works from the root."""

from __future__ import annotations

from pathlib import Path

from rasa.shared.importers.rasa import RasaFileImporter

ROOT = Path(__file__).resolve().parent.parent
TRAINING_DATA = [str(ROOT / "nlu" / "data"), str(ROOT / "bot" / "dialogue")]


class ProjectImporter(RasaFileImporter):
    """Rasa's file importer over `nlu/data` and `bot/dialogue`, whatever paths the command line guessed."""

    def __init__(
        self,
        config_file: str | None = None,
        domain_path: str | None = None,
        training_data_paths: list[str] | str | None = None,
    ):
        super().__init__(config_file, domain_path or str(ROOT / "domain.yml"), TRAINING_DATA)
