"""The transport of kind ``as2``: EDI as signed and encrypted MIME over HTTP, answered by a receipt (RFC 4130).

Urllib3 is used here alone. A receipt proves a delivery, and nothing else does.
"""

from gateway.transport.as2.mailbox import As2Transport, Before, message_id
from gateway.transport.as2.settings import As2Settings, ClientCertificate
from gateway.transport.pickup import Clock, Sightings

__all__ = ["As2Settings", "As2Transport", "Before", "ClientCertificate", "message_id", "opened"]


def opened(settings: As2Settings, clock: Clock, sightings: Sightings | None) -> As2Transport:
    return As2Transport(settings)
