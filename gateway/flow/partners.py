"""Opens a partner's mailbox from its settings, and remembers durably what was picked up there."""

from gateway.flow import as2_sending
from gateway.flow.house import House
from gateway.settings import As2Transport, Partner, Settings
from gateway.settings.mailboxes import DirectoryTransport
from gateway.transport.base import Transport, open_transport
from gateway.transport.directory import DirectorySettings
from gateway.transport.pickup import Inbox, Sightings
from gateway.transport.sftp import SftpSettings


def mailbox(settings: Settings, partner: Partner, sightings: Sightings | None = None) -> Transport:
    """The partner's transport; secrets are read here, at the last moment, and kept nowhere else."""
    wanted = partner.transport
    if isinstance(wanted, As2Transport):
        return as2_sending.opened(settings, partner)
    first, *more = [
        Inbox(
            path=str(each.path),
            pattern=each.pattern or "*",
            after=each.after or "remove",
            archive=str(each.archive or ""),
        )
        for each in wanted.inbox
    ]
    if isinstance(wanted, DirectoryTransport):
        return open_transport(
            DirectorySettings(
                inbox=first.path,
                outbox=str(wanted.outbox),
                archive=first.archive,
                after=first.after,
                pattern=first.pattern,
                more=tuple(more),
                temporary_suffix=wanted.temporary_suffix,
            ),
            sightings=sightings,
        )
    return open_transport(
        SftpSettings(
            host=wanted.host,
            port=wanted.port,
            username=wanted.username,
            password=wanted.password.reveal() if wanted.password else "",
            key=wanted.key.reveal() if wanted.key else "",
            key_passphrase=wanted.key_passphrase.reveal() if wanted.key_passphrase else "",
            certificate=wanted.certificate.reveal() if wanted.certificate else "",
            allow=wanted.allow,
            host_keys=wanted.host_keys,
            inbox=first.path,
            outbox=wanted.outbox,
            archive=first.archive,
            after=first.after,
            pattern=first.pattern,
            more=tuple(more),
            serial_reads=wanted.serial_reads,
            timeout_s=wanted.timeout_s,
            keepalive_s=wanted.keepalive_s,
            temporary_suffix=wanted.temporary_suffix,
        ),
        sightings=sightings,
    )


class DurableSeen:
    """What was picked up from one partner, by the transport's own key; survives a restart."""

    def __init__(self, house: House, partner: str) -> None:
        self._house = house
        self._partner = partner

    def has(self, key: str) -> bool:
        with self._house.reading() as tx:
            return tx.seen.has(self._partner, key)
