"""The graph around any identifier: cases, visits, payments, remittances, deposits and documents, and what links them.

A link says on which number, and in whose words, two things were matched, and how sure that is. From a case the graph
reaches the whole family (changes, claims, split claims, visits) with its documents and payments; from a document, a
remittance or a check it reaches what they are about, and no further: a check pays for other people's claims, too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from gateway.flow.cases import AUTHORIZATION_PREFIX, CLAIM_PREFIX
from gateway.flow.house import Transaction
from gateway.flow.provider_level import hidden
from gateway.store import NotInStore

NODES_MAX = 500
CERTAIN = 100
BY_REFERENCE = 90  # BHT03 names a request, not an event of it.
_OURS = {
    AUTHORIZATION_PREFIX: "authorization",
    CLAIM_PREFIX: "claim",
    "ap_": "appointment",
    "re_": "remittance",
    "de_": "deposit",
    "pl_": "provider_adjustment",
    "en_": "entry",
}
_NUMBERS = (  # Columns that hold a number which others gave, by kind of row; identifiers hold the rest.
    ("claim", "payer_claim_number", "payer_claim_number"),
    ("payment", "payer_claim_number", "payer_claim_number"),
    ("payment", "control_number", "clm01"),
    ("remittance", "check_number", "check"),
    ("deposit", "check_number", "check"),
    ("provider_adjustment", "reference", "plb reference"),
)
_CASES = ("authorization", "claim")
_SAID = ("state", "status", "reason", "amount", "paid", "charge", "paid_on", "served_on", "number", "kind", "name")
_OF_DOCUMENT = ("set", "clm01", "trn02", "bht03", "gs06", "isa13")  # The nearest to a case first.


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One thing. ``about`` holds ids, codes, dates and cents only."""

    id: str
    kind: str
    organisation: str = ""
    clinic: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Why two things belong together: the number that they share, as what (``clm01``, ``6r``, ``hcr02``), and how
    sure that is in percent."""

    source: str
    target: str
    key: str
    value: str = ""
    confidence: int = CERTAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """``found`` are the nodes that the identifier named, each with the key it was found by. ``left_off`` counts what
    was not followed because there is too much of it."""

    found: Mapping[str, str]
    nodes: Mapping[str, Node]
    links: tuple[Link, ...]
    left_off: int = 0


def graph(tx: Transaction, value: str, *, limit: int = NODES_MAX) -> Graph:
    """Everything around an identifier of ours, of a clinic, a payer or a clearinghouse; empty where nothing has it."""
    growing = _Growing(tx, limit)
    found = growing.start(value.strip())
    growing.grow(found)
    return growing.whole(found)


class _Growing:
    """The graph as far as it is known."""

    def __init__(self, tx: Transaction, limit: int) -> None:
        self._tx = tx
        self._limit = limit
        self._nodes: dict[str, Node] = {}
        self._links: dict[Link, None] = {}
        self._left_off = 0

    def start(self, value: str) -> dict[str, str]:
        """The nodes that a value names, by id, with the key that it was found by."""
        found: dict[str, str] = {}
        if not value:
            return found
        kind = _OURS.get(value[:3])
        if kind is not None:
            for each in self._rows(kind, "id", [value]):
                found[each.id] = "id"
        if value.startswith("do_") and self._document(value):
            found[value] = "id"
        for known in self._tx.identifiers.find_any(value):
            kind = _OURS.get(known.subject[:3])
            for each in self._rows(kind, "id", [known.subject]) if kind else ():
                found.setdefault(each.id, known.kind)
        for kind, column, key in _NUMBERS:
            also = [hidden(self._tx, value)] if kind == "provider_adjustment" else []
            for each in self._rows(kind, column, [value, *also]):
                found.setdefault(each.id, key)
        return found

    def grow(self, found: Mapping[str, str]) -> None:
        by_kind: dict[str, list[str]] = {}
        for each in found:
            by_kind.setdefault(self._nodes[each].kind, []).append(each)
        self._entries(by_kind.get("entry", []))
        cases = [*by_kind.get("authorization", []), *by_kind.get("claim", [])]
        cases += [each for each in self._owners(by_kind) if each not in cases]
        self._family(cases)
        self._of_document(by_kind.get("document", []))
        self._remittances(by_kind.get("remittance", []), whole=True)

    def whole(self, found: Mapping[str, str]) -> Graph:
        links = [each for each in self._links if each.source in self._nodes and each.target in self._nodes]
        return Graph(found=dict(found), nodes=self._nodes, links=tuple(links), left_off=self._left_off)

    # From what was found to the cases that it belongs to.

    def _owners(self, by_kind: Mapping[str, list[str]]) -> list[str]:
        owners: list[str] = []
        for each in by_kind.get("payment", []):
            owners += self._case("claim", self._nodes[each].about.get("claim", ""))
        for each in by_kind.get("appointment", []):
            owners += self._case("authorization", self._nodes[each].about.get("authorization", ""))
        for each in by_kind.get("deposit", []):
            self._deposits([each])
        for each in by_kind.get("provider_adjustment", []):
            self._adjusted([self._nodes[each]])
        return owners

    def _case(self, kind: str, case: str) -> list[str]:
        return [each.id for each in self._rows(kind, "id", [case])]

    def _entries(self, found: list[str]) -> None:
        """An entry of a book: what caused it."""
        for node in [self._nodes[each] for each in found]:
            for kind in _CASES:
                for case in self._case(kind, str(node.about.get(kind, ""))):
                    self._link(node.id, case, "entry")
                    self._family([case])
            document = str(node.about.get("document", ""))
            if document and self._document(document):
                self._link(node.id, document, "entry")

    # The family of a case.

    def _family(self, cases: Iterable[str]) -> None:
        waiting, seen = list(dict.fromkeys(cases)), set[str]()
        while waiting:
            fresh = [each for each in waiting if each not in seen]
            seen.update(fresh)
            waiting = []
            authorizations = [each for each in fresh if each.startswith(AUTHORIZATION_PREFIX)]
            claims = [each for each in fresh if each.startswith(CLAIM_PREFIX)]
            for kind, of in (("authorization", authorizations), ("claim", claims)):
                for child in self._rows(kind, "parent", of):
                    self._link(child.about["parent"], child.id, _PARENT[kind], str(child.about.get("kind", "")))
                    waiting.append(child.id)
                parents = {each: str(self._nodes[each].about.get("parent", "")) for each in of}
                for parent in self._rows(kind, "id", parents.values()):
                    waiting.append(parent.id)
            waiting += self._billed(authorizations, claims)
        self._documents_of(seen)
        self._payments(each for each in seen if each.startswith(CLAIM_PREFIX))

    def _billed(self, authorizations: list[str], claims: list[str]) -> list[str]:
        """Claims and visits under authorizations, and the authorizations of claims."""
        found = []
        for claim in self._rows("claim", "authorization", authorizations):
            self._bills(claim)
            found.append(claim.id)
        named = {each: str(self._nodes[each].about.get("authorization", "")) for each in claims}
        found += [each.id for each in self._rows("authorization", "id", named.values())]
        for claim in (self._nodes[each] for each in claims):
            self._bills(claim)
        for visit in self._rows("appointment", "authorization", authorizations):
            self._link(visit.id, str(visit.about["authorization"]), "appointment")
        return found

    def _bills(self, claim: Node) -> None:
        authorization = str(claim.about.get("authorization", ""))
        held = self._nodes.get(authorization)
        if held is None:
            return
        number = str(held.about.get("number", ""))
        self._link(claim.id, authorization, "g1" if number else "authorization", number)

    def _documents_of(self, cases: Iterable[str]) -> None:
        """The documents that a case went out in or was answered by, with the number that named it there."""
        for case in cases:
            named: dict[str, tuple[str, str]] = {}
            for each in self._tx.identifiers.of(case):
                rank = _OF_DOCUMENT.index(each.kind) if each.document and each.kind in _OF_DOCUMENT else -1
                known = named.get(each.document)
                if rank >= 0 and (known is None or rank < _OF_DOCUMENT.index(known[0])):
                    named[each.document] = (each.kind, each.value)
            for event in self._tx.events.of(case):
                if event.document:
                    key = str(event.detail.get("matched_on") or event.detail.get("level") or event.what)
                    named.setdefault(event.document, (key, str(event.detail.get("key", ""))))
            for document, (key, value) in named.items():
                if self._document(document):
                    sure = (
                        BY_REFERENCE if key == "bht03" and self._nodes[document].about["direction"] == "in" else CERTAIN
                    )
                    self._link(case, document, key, value, sure)

    def _of_document(self, documents: list[str]) -> None:
        """What a document is about: the cases in it, the remittances, the deposits."""
        for document in documents:
            for kind in _CASES:
                for each in self._rows(kind, "document", [document]):
                    self._link(each.id, document, "document")
            subjects = dict.fromkeys(each.subject for each in self._tx.events.caused_by(document))
            for subject in subjects:
                shown = _OURS.get(subject[:3])
                for each in self._rows(shown, "id", [subject]) if shown else ():
                    self._link(each.id, document, "document")
            for each in self._rows("remittance", "document", [document]):
                self._link(each.id, document, "document")
                self._remittances([each.id], whole=True)
            for each in self._rows("deposit", "document", [document]):
                self._link(each.id, document, "document")

    # Money.

    def _payments(self, claims: Iterable[str]) -> None:
        found = self._rows("payment", "claim", claims)
        for each in found:
            about = each.about
            key, sure = str(about.get("matched_on") or "clm01"), int(about.get("confidence") or CERTAIN)
            self._link(each.id, str(about["claim"]), key, str(about.get("control_number", "")), sure)
            if about.get("reverses"):
                self._link(each.id, str(about["reverses"]), "reverses", str(about.get("payer_claim_number", "")))
        self._remittances({str(each.about["remittance"]) for each in found}, whole=False)
        for each in found:
            self._link(each.id, str(each.about["remittance"]), "remittance")
        self._taken_back(found)

    def _taken_back(self, payments: list[Node]) -> None:
        """Provider-level amounts that name a payment's claim (PLB03-2)."""
        ours = {str(each.about["id"]): each for each in payments}
        for adjustment in self._rows(
            "provider_adjustment", "matched", {*ours, *(str(e.about["claim"]) for e in payments)}
        ):
            self._adjusted([adjustment])

    def _adjusted(self, adjustments: list[Node]) -> None:
        for each in adjustments:
            about = each.about
            self._remittances([str(about["remittance"])], whole=False)
            self._link(each.id, str(about["remittance"]), "remittance")
            if about.get("matched"):
                sure = int(about.get("confidence") or CERTAIN)
                self._link(
                    each.id, str(about["matched"]), str(about.get("matched_on") or "plb"), str(about["reference"]), sure
                )

    def _remittances(self, wanted: Iterable[str], *, whole: bool) -> None:
        """Remittances with their document and deposit; ``whole`` with every payment in them, too."""
        found = self._rows("remittance", "id", wanted)
        for each in found:
            document = str(each.about.get("document", ""))
            if document and self._document(document):
                self._link(each.id, document, "document")
        self._deposits([each.id for each in self._rows("deposit", "remittance", [each.id for each in found])])
        if whole:
            for payment in self._rows("payment", "remittance", [each.id for each in found]):
                self._link(payment.id, str(payment.about["remittance"]), "remittance")
                for claim in self._case("claim", str(payment.about.get("claim", ""))):
                    self._link(payment.id, claim, str(payment.about.get("matched_on") or "clm01"))
            for adjustment in self._rows("provider_adjustment", "remittance", [each.id for each in found]):
                self._link(adjustment.id, str(adjustment.about["remittance"]), "remittance")

    def _deposits(self, deposits: list[str]) -> None:
        for node in [self._nodes[each] for each in deposits]:
            remittance = str(node.about.get("remittance", ""))
            if remittance:
                self._rows("remittance", "id", [remittance])
                sure = int(node.about.get("confidence") or CERTAIN)
                key = str(node.about.get("matched_on") or "check")
                self._link(node.id, remittance, key, str(node.about.get("check_number", "")), sure)

    # Nodes and links.

    def _rows(self, kind: str, column: str, wanted: Iterable[str]) -> list[Node]:
        """The rows of a kind as nodes; those beyond the limit are counted and left off."""
        found = []
        for row in self._tx.links.by(kind, column, wanted, limit=self._limit + 1):
            node = self._nodes.get(row["id"]) or self._add(kind, row)
            if node is not None:
                found.append(node)
        return found

    def _add(self, kind: str, row: Mapping[str, Any]) -> Node | None:
        if len(self._nodes) >= self._limit:
            self._left_off += 1
            return None
        about = {name: _plain(value) for name, value in row.items() if value not in ("", None) or name in _SAID}
        owner = {name: row.get(name, "") for name in ("organisation", "clinic")}
        node = Node(id=row["id"], kind=kind, about=about, **owner)
        self._nodes[node.id] = node
        return node

    def _document(self, document: str) -> bool:
        """Makes a node of a document; False where there is none in this scope."""
        if document in self._nodes:
            return True
        try:
            kept = self._tx.documents.get(document)
        except NotInStore:
            return False
        if len(self._nodes) >= self._limit:
            self._left_off += 1
            return False
        about = {
            "direction": kept.direction,
            "partner": kept.partner,
            "kind": kept.kind,
            "state": kept.state,
            "size": kept.size,
            "recorded_at": _plain(kept.recorded_at),
            **{name: value for name, value in kept.about.items() if name in ("isa13", "gs06", "records")},
        }
        self._nodes[document] = Node(id=document, kind="document", about=about)
        return True

    def _link(self, source: str, target: str, key: str, value: str = "", confidence: int = CERTAIN) -> None:
        if source and target:
            self._links.setdefault(Link(source=source, target=target, key=key, value=value, confidence=confidence))


_PARENT = {"authorization": "change", "claim": "split"}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return value.isoformat() if isinstance(value, date) else value
