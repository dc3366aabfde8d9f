"""One document over AS2, and what its answer comes to: delivered by a receipt, refused, awaited, or not known."""

from collections.abc import MutableSet
from datetime import datetime

from gateway.errors import PartnerRefused, SettingsInvalid
from gateway.flow import as2_agreed
from gateway.flow.house import utc_now
from gateway.settings import Partner, Settings
from gateway.transport.as2 import As2Transport, Before


def opened(
    settings: Settings,
    partner: Partner,
    at: datetime | None = None,
    *,
    before: Before | None = None,
    restarting: MutableSet[str] | None = None,
) -> As2Transport:
    """The way to this partner. Raises PartnerRefused where a certificate or a key is not usable: nothing gets there."""
    try:
        web = as2_agreed.web(settings, partner, at or utc_now())
        return As2Transport(web, before=before, announced=restarting)
    except SettingsInvalid as error:
        raise PartnerRefused(error.what, where=error.where, fix=error.fix, findings=error.findings) from error
