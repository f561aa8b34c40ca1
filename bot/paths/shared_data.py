"""Shared data (数据共享): can the office fetch what a requirement asks for, for this region?"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

from bot.settings import Settings
from proof_catalogue.requirement import Requirement

from .service import ServiceDown, SignedService

_log = logging.getLogger("mianzheng.shared_data")


@dataclass(frozen=True)
class Availability:
    """Whether an item can be fetched, who holds it, and who says so."""

    available: bool
    holder: str  # the department that holds the data; may be empty
    asked: bool  # the platform itself said so; else the catalogue's row
    degraded: bool = False  # the platform should have been asked and gave no answer


class SharedData(Protocol):
    """Whoever knows what the province's data platform holds."""

    def available(self, requirement: Requirement, region: str) -> Availability:
        """Return whether the requirement's item can be fetched for a GB/T 2260 code; never raises because a service is down."""


class CatalogueSharedData:
    """The embedded default: what the catalogue's row says."""

    def available(self, requirement: Requirement, region: str) -> Availability:
        """Return what the row says: it can be fetched if its verdict is data sharing."""
        return Availability(requirement.verdict_kind == "data_sharing", requirement.data_source, asked=False)


class HttpSharedData:
    """The data platform, asked over HTTP; where it is down the catalogue answers.

    The platform gets POST /available {"requirement_id", "proof", "matter", "region"}, signed (see service.py), and
    gives {"available": true or false, "holder"}. Nothing about a person is sent.
    """

    def __init__(self, service: SignedService) -> None:
        self._service = service

    def available(self, requirement: Requirement, region: str) -> Availability:
        """Return what the platform says, else the catalogue's word with `degraded`."""
        own = CatalogueSharedData().available(requirement, region)
        asked = {
            "requirement_id": requirement.id,
            "proof": requirement.proof,
            "matter": requirement.matter,
            "region": region,
        }
        try:
            found = self._service.ask("/available", asked)
            if not isinstance(found.get("available"), bool):
                raise ServiceDown("its answer does not say whether")
        except ServiceDown as error:
            _log.warning("the data platform was not reached: %s", error)
            return Availability(own.available, own.holder, asked=False, degraded=True)
        return Availability(found["available"], str(found.get("holder") or own.holder), asked=True)


def open_shared_data(settings: Settings) -> SharedData:
    """Return whom to ask by the settings: the platform at MIANZHENG_SHARED_DATA_URL, else the catalogue."""
    if not settings.shared_data_url:
        return CatalogueSharedData()
    return HttpSharedData(SignedService(settings.shared_data_url, settings.shared_data_secret))
