"""Identity numbers for tests: made with the check digit of GB 11643, of no person that we know of."""

from __future__ import annotations

from stdnum.cn import ric


def made_up(serial: int = 1, born: str = "19900101", region: str = "330102") -> str:
    """Return a valid number for a birth date (YYYYMMDD), a region code and a serial number below 1000."""
    front = f"{region}{born}{serial:03d}"
    return front + ric.calc_check_digit(front + "0")


def spoilt(number: str) -> str:
    """Return `number` with a wrong check digit."""
    return number[:-1] + ("0" if number[-1] != "0" else "1")


# What the credit platform of the tests knows: one person who may not pledge, and one for whom it does not answer.
BARRED = made_up(901)
UNKNOWN_TO_PLATFORM = made_up(902)
