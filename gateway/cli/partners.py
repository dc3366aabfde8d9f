"""``partner``: who the trading partners are, whether their mailboxes open, and letting traffic go on."""

from pathlib import Path

from gateway.cli.output import emit, table
from gateway.errors import GatewayError
from gateway.flow import deliver
from gateway.flow.house import House
from gateway.flow.partners import mailbox
from gateway.settings import As2Transport, Settings, SftpTransport
from gateway.settings.schema import Partner


def show(config: Path | None, *, as_json: bool) -> int:
    """Lists the partners of the configuration."""
    partners = Settings.load(config).partners.values()
    rows = [
        {
            "name": each.name,
            "enabled": each.enabled,
            "stage": each.stage,
            "transport": _address(each),
            "receiver": each.envelope.receiver,
            "payers": [payer.id for payer in each.payers],
        }
        for each in partners
    ]
    if as_json:
        emit(rows, "", as_json=True)
    else:
        columns = ("partner", "enabled", "stage", "reached by", "receiver", "payers")
        table("partners", columns, [(*list(each.values())[:-1], ", ".join(each["payers"])) for each in rows])  # type: ignore[arg-type]
    return 0


def _address(partner: Partner) -> str:
    wanted = partner.transport
    if isinstance(wanted, SftpTransport):
        return f"sftp {wanted.username}@{wanted.host}:{wanted.port}"
    if isinstance(wanted, As2Transport):
        return f"as2 {wanted.url}"
    return f"{wanted.kind} {wanted.outbox}"


def probe(config: Path | None, name: str, *, writing: bool, as_json: bool) -> int:
    """1 where a step failed."""
    settings = Settings.load(config)
    partner = settings.partners.get(name)
    if partner is None:
        raise GatewayError(f"there is no partner {name}", fix="gateway partner list names them")
    with mailbox(settings, partner) as transport:
        checks = transport.probe(writing=writing)
    if as_json:
        emit([{"step": each.step, "ok": each.ok, "words": each.words} for each in checks], "", as_json=True)
    else:
        for each in checks:
            print(f"{'ok  ' if each.ok else 'FAIL'}  {each.step}: {each.words}")
    return 0 if all(each.ok for each in checks) else 1


def resume(house: House, name: str, *, as_json: bool) -> int:
    """Closes the task that holds a partner's traffic."""
    if name not in house.settings.partners:
        raise GatewayError(f"there is no partner {name}", fix="gateway partner list names them")
    with house.store.transaction(house.everything()) as tx:
        was_held = deliver.halted(tx, name)
        if was_held:
            deliver.resume(tx, name)
    words = f"traffic with {name} goes on" if was_held else f"traffic with {name} was not held"
    emit({"partner": name, "was_held": was_held}, words, as_json=as_json)
    return 0
