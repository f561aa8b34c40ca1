"""Tells Rasa where this project keeps its training data, so that `rasa train` works from the root."""

from __future__ import annotations

from pathlib import Path

from rasa.shared.importers.rasa import RasaFileImporter
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from .situations import situations

ROOT = Path(__file__).resolve().parent.parent
TRAINING_DATA = [str(ROOT / "nlu" / "data"), str(ROOT / "bot" / "dialogue")]


class ProjectImporter(RasaFileImporter):
    """Rasa's file importer over `nlu/data`, `bot/dialogue` and the catalogue's 市民问法, whatever paths the command line guessed."""

    def __init__(
        self,
        config_file: str | None = None,
        domain_path: str | None = None,
        training_data_paths: list[str] | str | None = None,
    ):
        super().__init__(config_file, domain_path or str(ROOT / "domain.yml"), TRAINING_DATA)

    def get_nlu_data(self, language: str | None = "zh") -> TrainingData:
        """Return what is written below `nlu/data`, and how citizens ask about the shipped rows."""
        asked = [Message.build(text=text, intent="ask_need_proof") for text in situations()]
        return super().get_nlu_data(language).merge(TrainingData(asked))
