"""Data sharing: who holds it, what the citizen confirms, what to say at the counter, and what if it is asked for all the same."""

from __future__ import annotations

from bot.words import say
from proof_catalogue.requirement import Requirement

from .legal import law
from .shared_data import Availability


def guidance(row: Requirement, region: str, found: Availability) -> str:
    """Return what a citizen needs to know and say where the office looks the proof up itself; `found` is what the platform said."""
    holder = row.data_source or row.issuing_authority
    lines = [
        say("paths.sharing.head"),
        say("paths.sharing.holder", holder=holder) if holder else say("paths.sharing.holder_unknown"),
        say("paths.sharing.confirm", law=law("sharing")),
        say("paths.sharing.at_counter", matter=row.matter, proof=row.short_proof),
    ]
    if found.degraded:
        lines.append(say("paths.sharing.down"))
    elif found.asked:
        lines.append(
            say("paths.sharing.available" if found.available else "paths.sharing.unavailable", region=region)
        )
    else:
        lines.append(say("paths.sharing.from_catalogue"))
    lines.append(say("paths.sharing.refused", law=law("sharing_refused")))
    return "\n".join(lines)
