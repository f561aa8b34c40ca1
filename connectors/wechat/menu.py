"""The account's custom menu: what its buttons do, and the form in which the platform takes it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml


@functools.lru_cache(maxsize=1)
def menu_tree() -> list[dict[str, Any]]:
    """Return the buttons of menu.yml as they stand there."""
    return yaml.safe_load(Path(__file__).with_name("menu.yml").read_text(encoding="utf-8"))


@functools.lru_cache(maxsize=1)
def buttons() -> dict[str, dict[str, str]]:
    """Return every button that can be pressed, by its key."""
    return {button["key"]: button for top in menu_tree() for button in top["below"]}


def platform_menu(public_url: str) -> dict[str, Any]:
    """Return the menu for the platform's call `menu/create`; without a public address buttons that open a page are left out."""

    def button(held: dict[str, str]) -> dict[str, str]:
        if "opens" in held:
            return {"type": "view", "name": held["name"], "url": public_url + held["opens"]}
        return {"type": "click", "name": held["name"], "key": held["key"]}

    return {
        "button": [
            {
                "name": top["name"],
                "sub_button": [button(b) for b in top["below"] if public_url or "opens" not in b],
            }
            for top in menu_tree()
        ]
    }
