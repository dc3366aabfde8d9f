"""Provider-level adjustments (PLB) of an 835: a row each, and what it is about as far as a payer's rows tell."""

from gateway.domain.remittance import Remittance
from gateway.errors import Severity
from gateway.flow.cases import code
from gateway.flow.house import Transaction
from gateway.ledger.entry import digest
from gateway.ledger.provider_level import subledger
from gateway.store.provider_adjustments import Matched, ProviderRow, StoredProviderRow


def keep(tx: Transaction, remittance: str, head: Remittance) -> None:
    """The remittance's rows, once."""
    owner = tx.owner_of(remittance)
    references = [each.reference for each in head.provider_adjustments]
    checks = tx.links.by("remittance", "check_number", references, limit=len(references))
    ours = {head.check_number, *tx.billed.numbered(references), *(each["check_number"] for each in checks)}
    rows = [
        ProviderRow(
            id=digest("pl", remittance, str(number)),
            organisation=owner[0],
            clinic=owner[1],
            remittance=remittance,
            number=number,
            provider=each.provider if each.provider.isdigit() else "?",
            period_ends_on=each.period_ends_on,
            reason=code(each.reason),
            reference=each.reference if each.reference in ours else hidden(tx, each.reference),
            amount=each.amount,
        )
        for number, each in enumerate(head.provider_adjustments)
    ]
    tx.provider_adjustments.add(rows)


def hidden(tx: Transaction, reference: str) -> str:
    """PLB03-2 that is no number of ours may be anybody's account: a keyed hash of it, the same for the same."""
    return f"~{tx.keys.fingerprint('plb', reference)[:32]}" if reference else ""


def match(tx: Transaction, head: Remittance) -> None:
    """Works out anew what the rows of this payer and these providers are about: a partner of theirs may have come."""
    providers = sorted({each.provider for each in head.provider_adjustments if each.provider.isdigit()})
    rows = tx.provider_adjustments.of_payer(head.payer_id, providers)
    claims = tx.billed.numbered([each.reference for each in rows])
    reversed_claims = tx.payments.reversed_among(claims.values())
    for provider in providers:
        _match(tx, head.payer_id, [each for each in rows if each.provider == provider], claims, reversed_claims)


def _match(
    tx: Transaction,
    payer_id: str,
    rows: list[StoredProviderRow],
    claims: dict[str, str],
    reversed_claims: set[str],
) -> None:
    if not rows:
        return
    found = subledger(rows, claims, reversed_claims)
    before = {each.id: (each.state, each.matched, each.matched_on, each.confidence) for each in rows}
    tx.provider_adjustments.match(
        [
            Matched(
                id=each.id,
                state=each.about.value,
                matched=each.matched,
                matched_on=each.matched_on,
                confidence=each.confidence,
            )
            for each in found.linked
            if before[each.id] != (each.about.value, each.matched, each.matched_on, each.confidence)
        ]
    )
    start = f"plb:{digest('pr', payer_id, rows[0].provider)}:"
    wanted = {f"{start}{each.where}:{each.what}": each for each in found.tasks if each.severity is Severity.BLOCK}
    for task in tx.tasks.open_of({each.remittance for each in rows}):
        if task.key.startswith(start) and task.key not in wanted:
            tx.tasks.close(task.key, "its partner has come")
    for key, each in wanted.items():
        tx.tasks.open(key, kind="remittance", subject=rows[-1].remittance, reason=each.reason, fix=each.fix)
