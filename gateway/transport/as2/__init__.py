"""The transport of kind ``as2``: EDI as signed and encrypted MIME over HTTP, answered by a receipt (RFC 4130).

Urllib3 is used here alone. A receipt proves a delivery, and nothing else does.
"""

from contextlib import closing

from gateway.transport.as2.http import Fields, Server
from gateway.transport.as2.mailbox import As2Transport, Before, message_id
from gateway.transport.as2.settings import As2Settings, ClientCertificate
from gateway.transport.pickup import Clock, Sightings

__all__ = ["As2Settings", "As2Transport", "Before", "ClientCertificate", "message_id", "opened", "post_receipt"]


def post_receipt(settings: As2Settings, url: str, headers: Fields, body: bytes) -> int:
    """Posts a receipt of ours to where it was asked for; the status of the answer.

    No redirect is followed. Raises PartnerRefused or PartnerUnreachable.
    """
    with closing(Server(settings, url)) as server:
        return server.post(headers, len(body), [body]).status


def opened(settings: As2Settings, clock: Clock, sightings: Sightings | None) -> As2Transport:
    return As2Transport(settings)
