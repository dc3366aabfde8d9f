"""Opens a partner's mailbox from its settings, and remembers durably what was picked up there."""

from gateway.errors import SettingsInvalid
from gateway.flow.house import House
from gateway.settings import As2Transport, Partner
from gateway.settings.mailboxes import DirectoryTransport
from gateway.transport.base import Sightings, Transport, open_transport
from gateway.transport.directory import DirectorySettings
from gateway.transport.sftp import SftpSettings


def mailbox(partner: Partner, sightings: Sightings | None = None) -> Transport:
    """The partner's transport; secrets are read here, at the last moment, and kept nowhere else."""
    wanted = partner.transport
    if isinstance(wanted, DirectoryTransport):
        return open_transport(
            DirectorySettings(
                inbox=str(wanted.inbox),
                outbox=str(wanted.outbox),
                archive=str(wanted.archive or ""),
                after=wanted.after,
                pattern=wanted.pattern,
                temporary_suffix=wanted.temporary_suffix,
            ),
            sightings=sightings,
        )
    if isinstance(wanted, As2Transport):
        raise SettingsInvalid("messages over AS2 cannot be sent yet", where=partner.name, fix='Use kind = "sftp"')
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
            inbox=wanted.inbox,
            outbox=wanted.outbox,
            archive=wanted.archive,
            after=wanted.after,
            serial_reads=wanted.serial_reads,
            timeout_s=wanted.timeout_s,
            keepalive_s=wanted.keepalive_s,
            pattern=wanted.pattern,
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
