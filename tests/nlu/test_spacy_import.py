"""A package named `catalogue` at the root would shadow the one that spaCy imports."""

import os
import subprocess
import sys

from bot.models import child_environment
from bot.settings import read_settings

from ..support import ROOT

CODE = "import spacy, catalogue, proof_catalogue; spacy.blank('zh')('证明'); print(catalogue.__file__)"


def test_spacy_can_be_imported_from_the_root():
    for environment in (dict(os.environ), child_environment(read_settings())):
        found = subprocess.run(
            [sys.executable, "-c", CODE], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        assert found.returncode == 0, found.stderr
        assert str(ROOT / "catalogue") not in found.stdout


def test_the_folder_is_no_package():
    assert not (ROOT / "catalogue" / "__init__.py").exists()


def test_the_catalogue_needs_neither_rasa_nor_tensorflow_nor_fastapi():
    code = (
        "import sys, proof_catalogue.store, proof_catalogue.decide, proof_catalogue.search, proof_catalogue.linker;"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'rasa', 'rasa_sdk', 'tensorflow', 'fastapi', 'bot', 'nlu', 'actions', 'connectors'}))"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
