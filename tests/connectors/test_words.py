"""Every word of the channels is used, and every word that they ask for is there."""

import ast
import string

import yaml

from connectors.wechat.menu import menu_tree

from ..support import ROOT

WORDS = yaml.safe_load((ROOT / "connectors" / "words.yml").read_text(encoding="utf-8"))
OWN = {block: held for block, held in WORDS.items() if block not in ("web", "pledge_pages", "report_pages")}
KINDS = {f"wechat.kinds.{kind}" for kind in WORDS["wechat"]["kinds"]}


def leaves(value, prefix=""):
    for key, held in value.items():
        assert isinstance(key, str), f"YAML takes {prefix}{key} for something else than a word"
        if isinstance(held, dict):
            yield from leaves(held, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", held


def keys(argument):
    if isinstance(argument, ast.Constant):
        return [argument.value]
    if isinstance(argument, ast.IfExp):
        return [*keys(argument.body), *keys(argument.orelse)]
    return []  # put together at run time: kinds of messages, words of menu buttons


def asked_for():
    found = {}
    for path in (ROOT / "connectors").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("word", "held")
            ):
                for key in keys(node.args[0]):
                    found.setdefault(key, set()).update(k.arg for k in node.keywords)
    for top in menu_tree():
        found |= {b["says"]: set() for b in top["below"] if "says" in b}
    return found


def test_every_key_is_there_and_every_word_is_used():
    asked = set(asked_for()) | KINDS
    for key in asked:
        found = WORDS
        for part in key.split("."):
            assert part in found, f"{key} is asked for and not there"
            found = found[part]
    assert not set(dict(leaves(OWN))) - asked, "there and never asked for"


def test_every_placeholder_is_filled_in():
    there = dict(leaves(WORDS))
    for key, names in asked_for().items():
        if key not in there:
            continue  # a whole block, for templates
        needed = {name for _, name, _, _ in string.Formatter().parse(str(there[key])) if name}
        assert needed <= names, f"{key} needs {needed - names}"


def test_words_fit_one_message():
    for key, text in leaves(OWN):
        assert len(str(text).encode()) < 1500, key
