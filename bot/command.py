"""The `mianzheng` command."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import click

from proof_catalogue.errors import CatalogueError

from .settings import ROOT, VERSION, Settings, SettingsError, read_settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION)
def cli() -> None:
    """免证通: is this certificate needed, on what ground, and how to be spared it."""


@cli.command()
def run() -> None:
    """Start everything; trains first if the training data has changed."""
    from . import models, processes

    settings = read_settings()
    processes.check_port(settings.host, settings.port, "MIANZHENG_PORT")
    model = models.train(settings)
    sys.exit(processes.supervise(settings, model))


@cli.command()
@click.option("--force", is_flag=True, help="Train even if nothing has changed.")
def train(force: bool) -> None:
    """Build the catalogue and train the model, if their inputs have changed."""
    from . import models

    click.echo(models.train(read_settings(), force).name)


@cli.command()
def shell() -> None:
    """Talk to the model in this terminal (rasa shell with the action server beside it)."""
    from . import models

    settings = read_settings()
    model = models.train(settings)
    environment = models.child_environment(settings)
    actions = subprocess.Popen([sys.executable, "-m", "bot.actions_process"], cwd=ROOT, env=environment)
    try:
        command = [
            sys.executable,
            "-m",
            "bot.rasa_process",
            "shell",
            "--model",
            str(model),
            "--interface",
            "127.0.0.1",
            "--port",
            str(settings.rasa_port),
            "--endpoints",
            str(models.write_endpoints(settings)),
        ]
        sys.exit(subprocess.call(command, cwd=ROOT, env=environment))
    finally:
        actions.terminate()
        actions.wait()


@cli.command()
@click.option("--region", help="GB/T 2260 code.")
def chat(region: str | None) -> None:
    """Talk to the assistant in this terminal, as citizens do; uses a Rasa that is running, else the catalogue alone."""
    from connectors.app import create_app
    from connectors.local import talk

    settings = read_settings()
    held = _catalogue(settings)
    asyncio.run(talk(create_app(settings), _region(held, region)))


@cli.group()
def channel() -> None:
    """The ways in, and their off switches."""


@channel.command("list")
@click.option("--json", "as_json", is_flag=True)
def list_channels(as_json: bool) -> None:
    """Print which channels are on, and who switched them last and why."""
    from connectors.switches import CHANNELS, Switches

    switches = Switches(read_settings().data).all()
    if as_json:
        click.echo(json.dumps({c: vars(s) for c, s in switches.items()}, ensure_ascii=False))
        return
    for name in CHANNELS:
        held = switches.get(name)
        state = "on" if held is None or held.on else "OFF"
        click.echo(f"{name:8}{state:5}" + (f"{held.at}  {held.by}: {held.comment}" if held else ""))


@channel.command()
@click.argument("name")
@click.option("--comment", required=True, help="Why; kept in the audit trail.")
@click.option("--message", default="", help="What citizens read meanwhile.")
@click.option("--by", default="", help="Who; this system's user if not given.")
def off(name: str, comment: str, message: str, by: str) -> None:
    """Switch a channel off, at once."""
    _switch(name, False, comment, message, by)


@channel.command()
@click.argument("name")
@click.option("--comment", required=True, help="Why; kept in the audit trail.")
@click.option("--by", default="", help="Who; this system's user if not given.")
def on(name: str, comment: str, by: str) -> None:
    """Switch a channel on again."""
    _switch(name, True, comment, "", by)


def _switch(name: str, turn_on: bool, comment: str, message: str, by: str) -> None:
    from connectors.switches import Switches

    try:
        Switches(read_settings().data).set(name, turn_on, comment, message, by)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@cli.group()
def wechat() -> None:
    """The WeChat Official Account."""


@wechat.command("menu")
@click.option("--dry-run", is_flag=True, help="Print what would be sent, and send nothing.")
@click.option("--delete", is_flag=True, help="Take the menu away.")
def wechat_menu(dry_run: bool, delete: bool) -> None:
    """Set the account's custom menu from connectors/wechat/menu.yml; exit status 1 if the platform refuses."""
    from connectors.wechat.menu import platform_menu
    from connectors.wechat.platform import PlatformError, change_menu

    settings = read_settings()
    menu = None if delete else platform_menu(settings.public_url)
    if dry_run:
        click.echo(json.dumps(menu, ensure_ascii=False, indent=1))
        return
    if not settings.wechat.app_secret:
        raise SettingsError("MIANZHENG_WECHAT_APP_ID and MIANZHENG_WECHAT_APP_SECRET are needed")
    try:
        asyncio.run(change_menu(settings, menu))
    except PlatformError as error:
        sys.exit(f"mianzheng: {error}")
    click.echo("the menu is taken away" if delete else "the menu is set; phones show it within a day")


@cli.command()
@click.option("--base", default="http://127.0.0.1:8080", show_default=True, help="A system that is running.")
@click.option("--split", type=click.Choice(["all", "development", "test"]), default="test", show_default=True)
@click.option("--mistakes", is_flag=True, help="List what went wrong.")
@click.option("--json", "as_json", is_flag=True)
def evaluate(base: str, split: str, mistakes: bool, as_json: bool) -> None:
    """Run the evaluation sets through POST /api/chat and print how many answers are right."""
    from nlu.evaluation import evaluate as run_evaluation
    from nlu.evaluation import table

    report = run_evaluation(base, split)
    click.echo(json.dumps(report, ensure_ascii=False) if as_json else table(report, mistakes))


@cli.group()
def catalogue() -> None:
    """The proof catalogue."""


def _catalogue(settings: Settings):  # type: ignore[no-untyped-def]
    from proof_catalogue.store import Catalogue

    from .models import prepare_catalogue

    prepare_catalogue(settings)
    return Catalogue(settings.catalogue)


@catalogue.command("import")
def import_() -> None:
    """Build the database from catalogue/data, if that has changed."""
    held = _catalogue(read_settings())
    click.echo(f"{len(held.rows)} requirements, edition {held.meta['edition']}")


@catalogue.command()
def check() -> None:
    """Find faults in catalogue/data; exit status 1 with a list if there are any."""
    from proof_catalogue.check import check as find_faults
    from proof_catalogue.store import DATA

    faults = find_faults(DATA)
    for fault in faults:
        click.echo(fault)
    click.echo(f"{len(faults)} faults" if faults else "no faults")
    sys.exit(1 if faults else 0)


@catalogue.command()
@click.argument("query")
@click.option("--region", help="GB/T 2260 code.")
@click.option("--limit", default=10, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def search(query: str, region: str | None, limit: int, as_json: bool) -> None:
    """Search the catalogue; exit status 1 if nothing is found."""
    from proof_catalogue.search import search as find

    held = _catalogue(read_settings())
    hits = find(held, query, _region(held, region), limit)
    if as_json:
        rows = [
            {
                "requirement_id": h.row.id,
                "score": round(h.score, 4),
                "matched": h.matched,
                "verdict": h.row.verdict(),
            }
            for h in hits
        ]
        click.echo(json.dumps(rows, ensure_ascii=False))
    else:
        for h in hits:
            click.echo(
                f"{h.row.id}  {h.score:.2f}  {h.row.verdict_kind:13}  {h.row.region}  {h.row.proof} · {h.row.matter}  [{', '.join(h.matched)}]"
            )
    sys.exit(0 if hits else 1)


@catalogue.command()
@click.argument("proof")
@click.option("--matter", help="What the citizen wants done.")
@click.option("--region", help="GB/T 2260 code; the home province if not given.")
@click.option("--json", "as_json", is_flag=True)
def decide(proof: str, matter: str | None, region: str | None, as_json: bool) -> None:
    """Say what the catalogue holds on a proof; exit status 1 if it gives no verdict. Works without Rasa."""
    from proof_catalogue.decide import Question
    from proof_catalogue.decide import decide as say_verdict

    from .answering import short_line, verdict_text

    held = _catalogue(read_settings())
    text = f"{matter}需要{proof}吗" if matter else f"需要{proof}吗"
    links = held.linker.link(text)
    decision = say_verdict(held, Question(links, _region(held, region), near=held.near(links.text)))
    if as_json:
        click.echo(
            json.dumps(
                {"kind": decision.kind, "verdicts": [r.verdict() for r in decision.rows]}, ensure_ascii=False
            )
        )
    elif decision.kind == "answer":
        for row in decision.rows:
            click.echo(f"{row.id} {row.verdict_kind}\n{verdict_text(row)}")
    else:
        click.echo(
            {"not_listed": "not in the catalogue", "unknown": "not understood"}.get(
                decision.kind, "which of these?"
            )
        )
        for row in decision.rows:
            click.echo(f"  {row.id} {short_line(row)}")
    sys.exit(0 if decision.kind == "answer" else 1)


def _region(held, code: str | None) -> str | None:  # type: ignore[no-untyped-def]
    if code is not None and code not in held.regions:
        raise click.BadParameter(f"{code} is no GB/T 2260 code of this catalogue")
    return code


def main() -> None:
    """Run the command; every expected failure is one sentence and a non-zero exit."""
    os.chdir(ROOT)
    # As an exit, so that a training that is ended takes its child and its half model with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    from .processes import StartError

    try:
        cli(standalone_mode=True)
    except (CatalogueError, SettingsError, StartError) as error:
        sys.exit(f"mianzheng: {error}")
    except OSError as error:
        sys.exit(f"mianzheng: {error.filename or 'the system'}: {error.strerror or error}")
    except subprocess.CalledProcessError as error:
        log = Path(read_settings().data) / "training.log"
        log.write_text(error.output or "", encoding="utf-8")
        sys.exit(f"mianzheng: training failed; Rasa's own words are in {log}")


if __name__ == "__main__":
    main()
