"""Names for claim payments in tests of the ledger, which takes any: the gateway's own come from flow/remitted.py."""

from hashlib import sha256

from gateway.domain.remittance import ClaimPayment


class PaymentKeys:
    """By the remittance, the content, and which of its equals it is, in their order."""

    def __init__(self, remittance: str) -> None:
        self._remittance = remittance
        self._counted: dict[str, int] = {}

    def of(self, payment: ClaimPayment) -> str:
        name = sha256(repr(payment).encode()).hexdigest()[:32]
        self._counted[name] = count = self._counted.get(name, 0) + 1
        return f"{self._remittance}/{name}/{count}"
