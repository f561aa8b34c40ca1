"""What a model is trained from, and when it is trained."""

import dataclasses
import shutil
import subprocess

import pytest

from bot import models, processes
from bot.settings import ROOT, read_settings


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of all training inputs, with settings whose data and models lie beside it."""
    root = tmp_path / "project"
    for name in models.TRAINING_INPUTS:
        source = ROOT / name
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(
                source, root / name, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
            )
        else:
            shutil.copy(source, root / name)
    found = dataclasses.replace(read_settings(), data=root / "var", models=root / "models")
    found.dictionary.mkdir(parents=True)
    (found.dictionary / "catalogue.txt").write_text("无犯罪记录证明 2000\n", encoding="utf-8")
    monkeypatch.setattr(models, "ROOT", root)
    return root, found


def append(path, text="\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as handle:
        handle.write(text)


@pytest.mark.parametrize(
    "name",
    ["config.yml", "domain.yml", "requirements.lock", "nlu/data/greetings.yml", "nlu/sentence_encoder.py",
     "nlu/data/ask_need_proof.yml", "bot/dialogue/rules.yml", "var/dictionary/catalogue.txt"],
)  # fmt: skip
def test_a_change_of_an_input_asks_for_a_new_model(copy, name):
    root, found = copy
    before = models.model_path(found)
    assert models.model_path(found) == before
    append(root / name, "# changed\n")
    assert models.model_path(found) != before


@pytest.mark.parametrize(
    "name",
    ["README.md", "bot/answering.py", "bot/words.yml", "connectors/app.py", "actions/turn.py", "tests/test_x.py",
     "nlu/__pycache__/x.pyc", "nlu/data/notes.txt", "var/catalogue/draft.db", "catalogue/data/faqs.yml", "nlu/evaluation/questions_a.jsonl", "nlu/evaluation/report.py"],
)  # fmt: skip
def test_a_change_of_anything_else_does_not(copy, name):
    root, found = copy
    before = models.model_path(found)
    append(root / name, "# changed\n")
    assert models.model_path(found) == before


def test_a_renamed_or_removed_input_counts(copy):
    root, found = copy
    seen = {models.training_fingerprint(found)}
    (root / "nlu/data/human.yml").rename(root / "nlu/data/person.yml")
    seen.add(models.training_fingerprint(found))
    (root / "nlu/data/person.yml").unlink()
    assert len(seen | {models.training_fingerprint(found)}) == 3


@pytest.fixture
def prepared(copy, monkeypatch):
    monkeypatch.setattr(models, "prepare_catalogue", lambda settings: None)
    return copy[1]


def fake_training(monkeypatch, fails=False):
    calls = []

    def run(command, **options):
        calls.append(command)
        folder = models.Path(command[command.index("--out") + 1])
        made = folder / (command[command.index("--fixed-model-name") + 1] + ".tar.gz")
        made.write_bytes(b"half" if fails else b"model")
        if fails:
            raise subprocess.CalledProcessError(1, command, output="why")

    monkeypatch.setattr(models.subprocess, "run", run)
    return calls


def test_trained_once_and_not_again(prepared, monkeypatch, capsys):
    calls = fake_training(monkeypatch)
    path = models.train(prepared)
    assert path.read_bytes() == b"model" and len(calls) == 1
    assert models.train(prepared) == path and len(calls) == 1
    assert models.train(prepared, force=True) == path and len(calls) == 2
    assert [p.name for p in prepared.models.iterdir()] == [path.name]
    assert capsys.readouterr().out.count("training") == 2


def test_training_that_fails_leaves_the_old_model_and_no_half_one(prepared, monkeypatch):
    prepared.models.mkdir()
    old = prepared.models / "mianzheng-0123456789abcdef.tar.gz"
    old.write_bytes(b"old")
    fake_training(monkeypatch, fails=True)
    with pytest.raises(subprocess.CalledProcessError):
        models.train(prepared)
    assert [p.name for p in prepared.models.iterdir()] == [old.name] and old.read_bytes() == b"old"


def test_children_run_without_telemetry_and_without_debug_logs(monkeypatch):
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("RASA_TELEMETRY_ENABLED", "true")
    environment = models.child_environment(read_settings())
    assert environment["RASA_TELEMETRY_ENABLED"] == "false"
    assert environment["LOG_LEVEL"] != "DEBUG" and environment["LOG_LEVEL_LIBRARIES"] == "ERROR"


def test_only_the_web_process_gets_the_casebooks_secrets(monkeypatch, tmp_path):
    settings = dataclasses.replace(read_settings(), data=tmp_path)
    for name in models.SECRETS:
        monkeypatch.setenv(name, "https://a.secret.example")
    environments = {c.name: c.environment for c in processes.children(settings, tmp_path / "model")}
    assert all(environments["web"][name] == "https://a.secret.example" for name in models.SECRETS)
    for other in ("rasa", "action server"):
        assert not set(environments[other]) & set(models.SECRETS)


def test_preparing_twice_says_and_does_nothing(here, catalogue, capsys):
    capsys.readouterr()
    before = models.prepare_catalogue(here).mark()
    assert models.prepare_catalogue(here).mark() == before
    assert capsys.readouterr().out == ""
    words = (here.dictionary / "catalogue.txt").read_text(encoding="utf-8").splitlines()
    assert {w.rsplit(" ", 1)[0] for w in words} == catalogue.words()


def test_a_lost_dictionary_is_written_again(here, catalogue, tmp_path):
    found = dataclasses.replace(here, data=tmp_path)
    shutil.copytree(here.data / "catalogue", tmp_path / "catalogue")
    models.prepare_catalogue(found)
    shutil.rmtree(found.dictionary)
    models.prepare_catalogue(found)
    assert (found.dictionary / "catalogue.txt").exists()
