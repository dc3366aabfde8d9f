"""``partner``: who the trading partners are, whether their mailboxes open, and letting traffic go on."""

from pathlib import Path

from gateway.cli.output import emit, table
from gateway.errors import GatewayError
from gateway.flow import deliver, traffic
from gateway.flow.house import House, Transaction
from gateway.flow.partners import mailbox
from gateway.settings import As2Transport, Settings, SftpTransport
from gateway.settings.schema import Partner


def show(config: Path | None, *, as_json: bool) -> int:
    """Lists the partners of the configuration."""
    settings = Settings.load(config)
    partners = settings.partners.values()
    stands = _traffic(settings)
    rows = [
        {
            "name": each.name,
            "enabled": each.enabled,
            "stage": each.stage,
            "transport": _address(each),
            "traffic": stands.get(each.name, ""),
            "receiver": each.envelope.receiver,
            "payers": [payer.id for payer in each.payers],
        }
        for each in partners
    ]
    if as_json:
        emit(rows, "", as_json=True)
    else:
        columns = ("partner", "enabled", "stage", "reached by", "traffic", "receiver", "payers")
        table("partners", columns, [(*list(each.values())[:-1], ", ".join(each["payers"])) for each in rows])  # type: ignore[arg-type]
    return 0


def _traffic(settings: Settings) -> dict[str, str]:
    """How it stands with each partner's traffic; nothing where the database cannot be asked."""
    from gateway.app import open_house

    try:
        house = open_house(settings)
    except GatewayError:
        return {}
    with house.reading() as tx:
        found = {each: _stands(tx, each) for each in settings.partners}
    house.store.dispose()
    return found


def _stands(tx: Transaction, partner: str) -> str:
    refused = tx.tasks.list(subject=partner, kind="refused")
    if refused:
        return f"halted: {refused[0].reason}"
    rests = traffic.resting(tx, partner)
    return f"rests: {rests}" if rests else "goes on"


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
