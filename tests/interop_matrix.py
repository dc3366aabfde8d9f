"""The interoperability matrix of our AS2, printed: every case of ``interop_cases`` against every peer that is here.

    python tests/interop_matrix.py [BouncyCastle | OpenSSL | libas2 ...] [--update]

In each case one side builds a message and the other opens it: the payload must arrive byte for byte, and both must have
the same MIC. Then the reader gives a receipt, signed in every other case, and the sender must read the same MIC in it.
A cell is ``ok``, the name of an explained exception (``fixtures/interop_exceptions.toml``), or what went wrong. Exit
code 1 where something has no explanation, 2 where no peer is here. ``--update`` writes the table that ``test_interop``
pins, if all peers are here and nothing is unexplained.
"""

import random
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from as2_ours import MESSAGE_ID, Ours
from as2_peers import Built, Opened, Peer, PeerFailed, Receipt, keys_in, missing
from as2_running import STARTS
from interop_cases import PAYLOADS, Case, cases

FIXTURES = Path(__file__).parent / "fixtures"
TABLE, EXCEPTIONS = FIXTURES / "interop_matrix.txt", FIXTURES / "interop_exceptions.toml"
OK = "ok"
WIDTHS = (24, 40, 16)
"""Of protection, algorithms and encoding; a cell has CELL."""
CELL = 6
SIDES = {True: "we build, {} opens", False: "{} builds, we open"}


Place = tuple[str, bool, tuple[str, ...], str]


@dataclass(frozen=True, slots=True)
class Done:
    """A case and how it ended: ``outcome`` is ``ok`` or what went wrong, ``detail`` the words of who said so."""

    case: Case
    outcome: str
    detail: str = ""

    @property
    def key(self) -> str:
        """What stands in the cell."""
        if self.outcome == OK:
            return OK
        return next((name for name, each in exceptions().items() if explains(each, self)), self.outcome)


@cache
def exceptions() -> dict[str, dict[str, Any]]:
    """What does not work and why, by name: written by hand, each with the outcome and the facts of its cases."""
    return tomllib.loads(EXCEPTIONS.read_text(encoding="utf-8"))


def explains(exception: dict[str, Any], done: Done) -> bool:
    """Whether an exception is about this case: each fact that it names is one of the values that it lists."""
    facts = done.case.facts
    return done.outcome == exception["outcome"] and all(
        facts[name] in values for name, values in exception["of"].items()
    )


def run(chosen: Iterable[Case], peer: Peer, ours: Peer) -> Iterator[Done]:
    """Plays the cases of one peer."""
    for number, case in enumerate(chosen):
        builder, opener = (ours, peer) if case.we_build else (peer, ours)
        yield Done(case, *_played(case, builder, opener, signed=number % 2 == 0))


def _played(case: Case, builder: Peer, opener: Peer, *, signed: bool) -> tuple[str, str]:
    wish, payload = case.wish, PAYLOADS[case.payload]
    building, opening = ("we", "they") if case.we_build else ("they", "we")
    try:
        built = builder.build(payload, wish)
    except PeerFailed as failed:
        return f"{building} cannot build", str(failed)
    try:
        opened = opener.open(built.entity, me=wish.you, you=wish.me)
    except PeerFailed as failed:
        return f"{opening} refuse", str(failed)
    if wrong := _compared(case, built, opened):
        return wrong
    given = Receipt(
        message_id=MESSAGE_ID,
        mic=opened.mic,
        mic_algorithm=opened.mic_algorithm,
        signed=(wish.sign or "sha256") if signed else "",
    )
    try:
        read = builder.read_mdn(opener.build_mdn(given, me=wish.you, you=wish.me), me=wish.me, you=wish.you)
    except PeerFailed as failed:
        return f"{building} refuse the receipt", str(failed)
    return _receipt_compared(given, read)


def _compared(case: Case, built: Built, opened: Opened) -> tuple[str, str] | None:
    wish, payload = case.wish, PAYLOADS[case.payload]
    if opened.payload != payload:
        return "payload altered", f"{len(payload)} bytes became {len(opened.payload)}"
    layers = {"encrypted": wish.encrypt, "signed": wish.sign, "compressed": wish.compress}
    if set(opened.layers) != {name for name, asked in layers.items() if asked}:
        return "other layers", " ".join(opened.layers)
    if opened.name != wish.name:
        return "other file name", opened.name
    if built.mic and opened.mic and (built.mic, built.mic_algorithm) != (opened.mic, opened.mic_algorithm):
        return "MIC differs", f"{built.mic} {built.mic_algorithm}, {opened.mic} {opened.mic_algorithm}"
    return None


def _receipt_compared(given: Receipt, read: Receipt) -> tuple[str, str]:
    facts = [
        (each.message_id, each.mic, bool(each.signed), "".join(each.disposition.split())) for each in (given, read)
    ]
    spelled = read.mic_algorithm.replace("-", "") == given.mic_algorithm
    return (OK, "") if facts[0] == facts[1] and spelled else ("receipt differs", f"{facts[0]} {facts[1]}")


def played(name: str, *, share: int = 1, seed: int = 0) -> Iterator[Done]:
    """The cases of one peer, or by chance one of ``share``, under key pairs made for them."""
    chosen = list(cases(name))
    if share > 1:
        chosen = random.Random(seed).sample(chosen, len(chosen) // share)
    with tempfile.TemporaryDirectory() as folder:
        keys = keys_in(Path(folder))
        with closing(STARTS[name](keys)) as peer:
            yield from run(chosen, peer, Ours(keys))


def table(results: Iterable[Done]) -> str:
    """The matrix: a block a peer and a direction, a line a way of building, a column a payload."""
    blocks: dict[tuple[str, bool], dict[tuple[str, str, str], dict[str, str]]] = {}
    for done in results:
        case = done.case
        rows = blocks.setdefault((case.peer, case.we_build), {})
        rows.setdefault(case.row, {})[case.payload] = done.key
    lines: list[str] = []
    for (peer, we_build), rows in blocks.items():
        lines += ["", SIDES[we_build].format(peer), ""]
        lines.append(_line(("protection", "algorithms", "encoding"), dict(zip(PAYLOADS, PAYLOADS, strict=True))))
        lines += [_line(row, cells) for row, cells in rows.items()]
    return "\n".join(lines[1:]) + "\n"


def _line(row: tuple[str, str, str], cells: dict[str, str]) -> str:
    words = [word.ljust(width) for word, width in zip(row, WIDTHS, strict=True)]
    return " ".join(words + [cells.get(name, ".").ljust(CELL) for name in PAYLOADS]).rstrip()


def place(case: Case) -> Place:
    """Where a case stands in the matrix."""
    return case.peer, case.we_build, case.row, case.payload


def pinned() -> dict[Place, str]:
    """The cells of the committed table."""
    sides = {words.format(peer): (peer, we_build) for we_build, words in SIDES.items() for peer in STARTS}
    found: dict[Place, str] = {}
    peer, we_build = "", False
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line in sides:
            peer, we_build = sides[line]
        elif line and not line.startswith("protection "):
            ends = list(accumulate(width + 1 for width in WIDTHS))
            row = tuple(line[start:end].strip() for start, end in zip([0, *ends], ends, strict=False))
            cells = zip(PAYLOADS, line[ends[-1] :].split(), strict=True)
            found |= {(peer, we_build, row, payload): key for payload, key in cells if key != "."}
    return found


def explained(results: Iterable[Done]) -> str:
    """The exceptions that were met, with how often, why, and who is right."""
    counts = Counter(done.key for done in results if done.outcome != OK)
    known = exceptions()
    return "".join(
        f"{name}: {count} x {known[name]['outcome']}. {known[name]['why']} Right: {known[name]['right']}.\n"
        for name, count in counts.items()
        if name in known
    )


def main(*arguments: str) -> int:
    """Prints the matrix of the peers that are named, or of all that are here."""
    named = [each for each in arguments if not each.startswith("-")] or list(STARTS)
    results: list[Done] = []
    for name in named:
        if lack := missing(name):
            print(lack, file=sys.stderr)
            continue
        results += played(name)
    print(table(results))
    print(explained(results))
    failed = [done for done in results if done.outcome != OK and done.key == done.outcome]
    for done in failed:
        side = SIDES[done.case.we_build].format(done.case.peer)
        print(f"{side}, {', '.join(done.case.row)}, {done.case.payload}: {done.outcome}: {done.detail}")
    print(f"{len(results)} cases, {len(failed)} of them fail without an explanation")
    if "--update" in arguments and not failed and {done.case.peer for done in results} == set(STARTS):
        TABLE.write_text(table(results), encoding="utf-8")
    return 1 if failed else 0 if results else 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
