"""Opens a partner's mailbox from its settings, and remembers durably what was picked up there."""

from gateway.flow import as2_sending
from gateway.flow.house import House
from gateway.settings import As2Transport, Partner, Secret, Settings, SftpTransport
from gateway.settings.mailboxes import DirectoryTransport, Pgp
from gateway.transport.base import Transport, open_transport
from gateway.transport.directory import DirectorySettings
from gateway.transport.pgp import PgpMailbox, PgpSettings
from gateway.transport.pickup import Inbox, Sightings
from gateway.transport.sftp import SftpSettings


def mailbox(settings: Settings, partner: Partner, sightings: Sightings | None = None) -> Transport:
    """The partner's transport; secrets are read here, at the last moment, and kept nowhere else."""
    wanted = partner.transport
    if isinstance(wanted, As2Transport):
        return as2_sending.opened(settings, partner)
    below = open_transport(
        _folders(wanted) if isinstance(wanted, DirectoryTransport) else _server(wanted), sightings=sightings
    )
    return below if wanted.pgp is None else PgpMailbox(below, _pgp(wanted.pgp, settings))


def _inboxes(wanted: DirectoryTransport | SftpTransport) -> list[Inbox]:
    return [
        Inbox(
            path=str(each.path),
            pattern=each.pattern or "*",
            after=each.after or "remove",
            archive=str(each.archive or ""),
        )
        for each in wanted.inbox
    ]


def _folders(wanted: DirectoryTransport) -> DirectorySettings:
    first, *more = _inboxes(wanted)
    return DirectorySettings(
        inbox=first.path,
        outbox=str(wanted.outbox),
        archive=first.archive,
        after=first.after,
        pattern=first.pattern,
        more=tuple(more),
        temporary_suffix=wanted.temporary_suffix,
    )


def _server(wanted: SftpTransport) -> SftpSettings:
    first, *more = _inboxes(wanted)
    return SftpSettings(
        host=wanted.host,
        port=wanted.port,
        username=wanted.username,
        password=_secret(wanted.password),
        key=_secret(wanted.key),
        key_passphrase=_secret(wanted.key_passphrase),
        certificate=_secret(wanted.certificate),
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
    )


def _pgp(wanted: Pgp, settings: Settings) -> PgpSettings:
    return PgpSettings(
        their_keys=tuple(each.reveal() for each in wanted.their_keys),
        our_keys=tuple(each.reveal() for each in wanted.our_keys),
        passphrase=_secret(wanted.passphrase),
        encrypt_to=wanted.encrypt_to,
        sign_with=wanted.sign_with or "",
        armor=wanted.armor,
        decrypt=wanted.decrypt,
        signers=wanted.signers,
        require_signature=wanted.require_signature,
        spool=settings.spool,
    )


def _secret(reference: Secret | None) -> str:
    return reference.reveal() if reference else ""


class DurableSeen:
    """What was picked up from one partner, by the transport's own key; survives a restart."""

    def __init__(self, house: House, partner: str) -> None:
        self._house = house
        self._partner = partner

    def has(self, key: str) -> bool:
        with self._house.reading() as tx:
            return tx.seen.has(self._partner, key)
