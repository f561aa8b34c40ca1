"""The trained model: what it is made from, whether it is up to date, and how it is made."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from nlu.situations import situations
from proof_catalogue.editions import Editions
from proof_catalogue.store import DATA, Catalogue

from .settings import ROOT, Settings

# What only the web process and the command need; a process that reads citizens' messages gets none of it.
SECRETS = tuple(
    f"MIANZHENG_{name}"
    for name in (
        "CASEBOOK_KEY",
        "CASEBOOK_URL",
        "CREDIT_URL",
        "CREDIT_SECRET",
        "SHARED_DATA_URL",
        "SHARED_DATA_SECRET",
        "NOTIFY_URL",
        "NOTIFY_SECRET",
    )
)
TRAINING_INPUTS = (
    "config.yml",
    "domain.yml",
    "requirements.lock",
    "nlu",
    "nlu/data",
    "bot/dialogue",
    "catalogue/proof_catalogue/spelling.py",
    "catalogue/proof_catalogue/text.py",
)
_QUIET = {
    "RASA_TELEMETRY_ENABLED": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "PYTHONWARNINGS": "ignore",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "OMP_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
    # Citizens' words stand in debug logs only; never let them be on.
    "LOG_LEVEL": "WARNING",
    "LOG_LEVEL_LIBRARIES": "ERROR",
}


def child_environment(settings: Settings) -> dict[str, str]:
    """Return the environment that Rasa and the action server run in: no telemetry, no debug log, no secrets."""
    return {
        **{name: value for name, value in os.environ.items() if name not in SECRETS},
        **_QUIET,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "catalogue")]),
        "MIANZHENG_DATA": str(settings.data),
        "MIANZHENG_ACTIONS_PORT": str(settings.actions_port),
    }


def write_endpoints(settings: Settings) -> Path:
    """Return the endpoints file that names this run's action server, written below the data folder."""
    path = settings.data / "endpoints.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    shipped = (ROOT / "endpoints.yml").read_text(encoding="utf-8")
    path.write_text(shipped.replace("http://127.0.0.1:5055", settings.actions_url), encoding="utf-8")
    return path


def _trains(path: Path) -> bool:
    return path.suffix in (".yml", ".py") and not path.is_relative_to(ROOT / "nlu" / "evaluation")


def training_fingerprint(settings: Settings) -> str:
    """Return a hash of everything that a model is trained from."""
    digest = hashlib.sha256(sys.version.encode())
    for name in TRAINING_INPUTS:
        path = ROOT / name
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if _trains(p))
        for file in files:
            digest.update(file.relative_to(ROOT).as_posix().encode() + file.read_bytes())
    digest.update("\n".join(situations()).encode())
    digest.update((settings.dictionary / "catalogue.txt").read_bytes())
    return digest.hexdigest()[:16]


def model_path(settings: Settings) -> Path:
    """Return where the model for today's training inputs lies, whether it is there or not."""
    return settings.models / f"mianzheng-{training_fingerprint(settings)}.tar.gz"


def prepare_catalogue(settings: Settings) -> Editions:
    """Publish the shipped catalogue where it is new here, and write jieba's dictionary from the edition in force.

    Raises CatalogueError if the data is wrong.
    """
    editions = Editions(settings.data)
    edition = editions.install(DATA, _announce)
    mark = settings.data / "dictionary.mark"
    if (
        not mark.exists()
        or mark.read_text() != edition.hash
        or not (settings.dictionary / "catalogue.txt").exists()
    ):
        settings.dictionary.mkdir(parents=True, exist_ok=True)
        words = sorted(Catalogue(editions.file(edition)).words())
        fresh = settings.data / "dictionary.new"
        fresh.write_text("".join(f"{word} 2000\n" for word in words), encoding="utf-8")
        os.replace(fresh, settings.dictionary / "catalogue.txt")
        mark.write_text(edition.hash)
    return editions


def _announce(what: str, done: int, of: int) -> None:
    if done in (0, of) or done % 1000 == 0:
        print(f"· catalogue: {what} {done}/{of}", file=sys.stderr, flush=True)


def train(settings: Settings, force: bool = False) -> Path:
    """Return the path of an up-to-date model, training it if there is none for today's inputs.

    Raises subprocess.CalledProcessError, with Rasa's own words in `output`, if training fails.
    """
    prepare_catalogue(settings)
    target = model_path(settings)
    if target.exists() and not force:
        return target
    settings.models.mkdir(parents=True, exist_ok=True)
    print("· training the model (about three minutes)", flush=True)
    made = settings.models / f"training-{os.getpid()}.tar.gz"
    command = [
        sys.executable,
        "-m",
        "rasa",
        "train",
        "--skip-validation",
        "--force",
        "--out",
        str(settings.models),
    ]
    command += [
        "--fixed-model-name",
        made.name.removesuffix(".tar.gz"),
        "--domain",
        "domain.yml",
        "--config",
        "config.yml",
    ]
    try:
        subprocess.run(
            command,
            cwd=ROOT,
            env={
                **child_environment(settings),
                "LOG_LEVEL": "ERROR",
                "OMP_NUM_THREADS": str(os.cpu_count() or 1),
            },
            check=True,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        os.replace(made, target)
    finally:
        made.unlink(missing_ok=True)
    for old in settings.models.glob("mianzheng-*.tar.gz"):
        if old != target:
            old.unlink()
    return target
