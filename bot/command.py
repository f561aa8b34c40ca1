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

from .casebook.command import casebook
from .casebook.errors import CasebookError
from .catalogue_command import catalogue, faq
from .settings import ROOT, VERSION, SettingsError, read_settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION)
def cli() -> None:
    """免证通: is this certificate needed, on what ground, and how to be spared it."""


cli.add_command(catalogue)
cli.add_command(faq)
cli.add_command(casebook)


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

    from .models import prepare_catalogue

    settings = read_settings()
    if region is not None and region not in prepare_catalogue(settings).draft().regions:
        raise click.BadParameter(f"{region} is no GB/T 2260 code of this catalogue")
    asyncio.run(talk(create_app(settings), region))


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
@click.option("--short", is_flag=True, help="A fixed part of the sets, in well under two minutes.")
@click.option("--mistakes", is_flag=True, help="List what went wrong.")
@click.option("--json", "as_json", is_flag=True)
@click.option(
    "--report",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for report.html and report.json.  [default: evaluation below MIANZHENG_DATA]",
)
@click.option(
    "--record", is_flag=True, help="Make this run the baseline; only with --split all and without --short."
)
def evaluate(
    base: str, split: str, short: bool, mistakes: bool, as_json: bool, report: Path | None, record: bool
) -> None:
    """Run the evaluation sets through POST /api/chat, write a report; exit status 1 on a drop against the baseline."""
    import httpx

    from nlu.evaluation import report as reports
    from nlu.evaluation.run import evaluate as run_evaluation

    if record and (short or split != "all"):
        raise click.UsageError("--record needs --split all and no --short: a baseline holds every item")
    try:
        records, about = run_evaluation(base, split, short)
    except httpx.HTTPError as error:
        raise click.ClickException(f"the system at {base} does not answer as it should ({error})") from None
    made = reports.make(records, about, None if record else reports.read_baseline())
    folder = report or read_settings().data / "evaluation"
    reports.write(made, folder)
    if record:
        reports.record(records, about)
    click.echo(reports.as_json(made) if as_json else reports.as_text(made, mistakes))
    click.echo(f"report: {folder / 'report.html'}", err=True)
    sys.exit(1 if made["compared"] and made["compared"]["drops"] else 0)


def main() -> None:
    """Run the command; every expected failure is one sentence and a non-zero exit."""
    os.chdir(ROOT)
    # As an exit, so that a training that is ended takes its child and its half model with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # A shell script's background commands begin with this one ignored; `run` answers to it then too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from .processes import StartError

    try:
        cli(standalone_mode=True)
    except (CatalogueError, CasebookError, SettingsError, StartError) as error:
        sys.exit(f"mianzheng: {error}")
    except OSError as error:
        sys.exit(f"mianzheng: {error.filename or 'the system'}: {error.strerror or error}")
    except subprocess.CalledProcessError as error:
        log = Path(read_settings().data) / "training.log"
        log.write_text(error.output or "", encoding="utf-8")
        sys.exit(f"mianzheng: training failed; Rasa's own words are in {log}")


if __name__ == "__main__":
    main()
