"""The transport of kind ``sftp``, and the gateway's only door to paramiko.

Never trusts a host key at first use, never repeats a login that was refused, and never logs what paramiko says, because
its lines carry the partner's file names.
"""

import logging

from gateway.transport.pickup import Clock, Sightings
from gateway.transport.sftp.mailbox import SftpTransport
from gateway.transport.sftp.settings import SftpSettings

__all__ = ["SftpSettings", "SftpTransport", "opened"]

logging.getLogger("paramiko").setLevel(logging.CRITICAL)


def opened(settings: SftpSettings, clock: Clock, sightings: Sightings | None) -> SftpTransport:
    return SftpTransport(settings, clock=clock, sightings=sightings)
