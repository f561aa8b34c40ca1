"""A thousand WeChat messages through the real web process, a fifth sent again, one in ten slower than the platform waits.

usage: python -m benchmarks.wechat_load [--people N] [--each N] [--at-once N] [--mode plain|compatible|safe] [--no-sending]

The platform and Rasa are stand-ins on loopback (tests/connectors/wechat/standin.py); Rasa answers at once, or after 6.5 s.
Exit status 1 if an answer came twice or never, or a reply took five seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from bot.settings import read_settings
from tests.connectors.wechat.standin import (
    Account,
    Platform,
    SlowRasa,
    WebProcess,
    account_environment,
    load,
    serving,
)
from tests.support import free_ports


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--each", type=int, default=5, help="messages of each, one after another")
    parser.add_argument("--at-once", type=int, default=20)
    parser.add_argument("--mode", choices=["plain", "compatible", "safe"], default="safe")
    parser.add_argument(
        "--no-sending", action="store_true", help="an account without customer-service messages"
    )
    asked = parser.parse_args()
    built = read_settings().data
    account, rasa = Account(), SlowRasa(free_ports(1)[0])
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "catalogue").symlink_to(built / "catalogue")
        platform = Platform("", account, asked.mode)
        web = WebProcess(
            Path(folder) / "log",
            {
                **account_environment(account, None if asked.no_sending else platform, asked.mode != "plain"),
                "MIANZHENG_DATA": folder,
                "MIANZHENG_RASA_PORT": str(rasa.port),
                "MIANZHENG_DEADLINE": "20",  # so that slow answers are late and not the catalogue's
            },
        )
        platform.callback = web.callback
        with serving(rasa.app(), rasa.port), serving(platform.app(), platform.port):
            web.start(rasa=True)
            try:
                figures = asyncio.run(
                    load(platform, asked.people, asked.each, retried=0.2, slow=0.1, at_once=asked.at_once)
                )
            finally:
                web.end()
    print(json.dumps(figures, indent=1))
    bad = figures["never"] or figures["twice"] or figures["strange"] or figures["timeouts"]
    sys.exit(1 if bad or figures["longest"] >= 5 else 0)


if __name__ == "__main__":
    main()
