"""Every word for citizens is used, and every word that the code asks for is there."""

import ast
import string

import pytest
import yaml

from bot.answering import SMALLTALK
from bot.casebook.demand_reports import OUTCOMES
from bot.casebook.demand_reports import STATES as REPORT_STATES
from bot.casebook.pledges import NEEDED
from bot.casebook.pledges import STATES as PLEDGE_STATES
from bot.casebook.verifications import RESULTS
from bot.casebook.verifications import STATES as VERIFICATION_STATES
from bot.paths.report import ReportForm
from bot.paths.verification import VerificationForm
from bot.words import all_words, say
from proof_catalogue.requirement import PATHS

from ..support import ROOT

WORDS = all_words()
NUMBER_ERRORS = {"length", "characters", "first_generation", "date", "future", "region", "check_digit"}
SOURCES = [p for folder in ("bot", "actions", "connectors", "nlu") for p in (ROOT / folder).rglob("*.py")]
# Keys that are put together at run time, and what they can become.
MADE = {
    "lead.": {"wrong_issuer_police", "wrong_issuer_village", *(set(PATHS) - {"wrong_issuer"})},
    "instead.": set(PATHS),
    "short.": set(PATHS),
    "smalltalk.": set(SMALLTALK),
    "guardrail_": {"abuse", "attack"},
    "ask.": {"not_issued_by_village", "not_issued_by_police"},
    "paths.form.names.": {"pledge", "report", "verification"},
    "paths.pledge.notice.": {"matter", "basis", "content", "form", "liability", "verify_power", "publicity"},
    "paths.pledge.not_here_instead.": set(PATHS) - {"pledge"},
    "paths.pledge.id_kind.": {"id_card", "residence_permit", "passport"},
    "paths.pledge.error.": set(NEEDED),
    "paths.pledge.number.": NUMBER_ERRORS,
    "paths.pledge.status.": set(PLEDGE_STATES),
    "paths.pledge.short.": set(NEEDED),
    "paths.verification.short.": set(VerificationForm.fields),
    "paths.verification.status.": {*VERIFICATION_STATES, *RESULTS, "overdue"} - {"answered"},
    "paths.report.ask.": set(ReportForm.fields),
    "paths.report.short.": set(ReportForm.fields),
    "paths.report.error.": set(ReportForm.fields),
    "paths.callback.status.": {"open", "done", "cancelled", "deleted"},
    "paths.report.lawful.": {"lawful", "unlawful"},
    "paths.report.status.": {*REPORT_STATES, *OUTCOMES} - {"closed"},
}


def leaves(value, prefix=""):
    for key, held in value.items():
        if isinstance(held, dict):
            yield from leaves(held, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", held


def keys(argument):
    """The keys that the first argument of a call of `say` can be; one that ends in '*' is a prefix."""
    if isinstance(argument, ast.Constant):
        return [argument.value]
    if isinstance(argument, ast.IfExp):
        return [*keys(argument.body), *keys(argument.orelse)]
    if isinstance(argument, ast.JoinedStr) and isinstance(argument.values[0], ast.Constant):
        return [argument.values[0].value + "*"]
    if isinstance(argument, ast.BinOp) and isinstance(argument.left, ast.Constant):
        return [argument.left.value + "*"]
    return [None]


def calls():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
                names = {k.arg for k in node.keywords}
                for key in keys(node.args[0]):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", key, names


def asked_for():
    found = {}
    for where, key, names in calls():
        assert key, f"{where}: the key cannot be told from the source"
        if key.endswith("*"):
            assert key[:-1] in MADE, f"{where}: {key} is not known to this test"
            found |= {key[:-1] + rest: (where, names) for rest in MADE[key[:-1]]}
        else:
            found[key] = (where, names)
    return found


def test_every_key_in_the_code_is_there_and_every_word_is_used():
    there, asked = dict(leaves(WORDS)), asked_for()
    assert not {k: asked[k][0] for k in set(asked) - set(there)}, "asked for and not there"
    assert not sorted(set(there) - set(asked)), "there and never asked for"


def test_every_placeholder_is_filled_in():
    there = dict(leaves(WORDS))
    for key, (where, names) in asked_for().items():
        if key in there:
            needed = {name for _, name, _, _ in string.Formatter().parse(str(there[key])) if name}
            # names handed on as **names are not seen here
            assert needed <= names or None in names, f"{where}: {key} needs {needed - names}"


def test_words_are_plain_chinese_without_markup():
    for key, text in leaves(WORDS):
        assert isinstance(text, str) and text.strip(), key
        assert "<" not in text and "**" not in text and "http" not in text, key


def test_an_unknown_key_is_an_error():
    with pytest.raises(KeyError):
        say("no.such.key")


def test_braces_in_what_is_filled_in_stay():
    assert say("caution", caution="{x} {0}").endswith("{x} {0}")


def test_the_page_s_own_words_are_used():
    words = yaml.safe_load((ROOT / "connectors" / "words.yml").read_text(encoding="utf-8"))["web"]
    sources = [*(ROOT / "connectors" / "templates").glob("*.html"), *(ROOT / "connectors").glob("*.py")]
    text = "\n".join(p.read_text(encoding="utf-8") for p in sources)
    made = {"large", "large_aria", "normal", "normal_aria"} if "w[other" in text else set()
    unused = [k for k in words if f"w.{k}" not in text and f"web.{k}" not in text and k not in made]
    assert not unused
    assert set(words["verdicts"]) == set(PATHS)
