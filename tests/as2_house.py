"""A gateway that exchanges messages with EXAMPLECLEAR over AS2, and the far side's hand: what it sends, what it reads.

EXAMPLECLEAR is the partner ``simulated`` of flow_stage. No socket: messages are handed to the door of the listener.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from as2_stage import agreed, built, mirrored
from cms_keys import NOW, made
from conftest import Clock
from flow_stage import PARTNER, Stage, on_stage

from gateway.flow.as2_arrival import As2Door
from gateway.flow.as2_door import Admitted, Answer, Head, TurnedAway
from gateway.settings import Settings
from gateway.store import As2Message, Store
from gateway.transport.as2.disposition import PROCESSED
from gateway.transport.as2.mdn import Mdn, build_mdn, read_mdn
from gateway.transport.as2.message import Disposition, MdnWanted, Mic, Outgoing, Part
from gateway.transport.spool import Spool

THEIR_URL = "https://as2.exampleclear.example/in"
ADDRESS = "203.0.113.7"


def as2_settings(folder: Path, *, transport: str = "", own: str = "", url: str = THEIR_URL) -> Settings:
    """The stage's settings with the partner behind AS2. ``transport`` and ``own`` are further lines of their tables."""
    us, them = made("rsa-northside"), made("rsa-exampleclear")
    keys = folder / "conf" / "keys"
    keys.mkdir(exist_ok=True)
    for each in (us, them):
        each.files(keys)
    gateway = folder / "conf" / "gateway.toml"
    gateway.write_text(
        f'{gateway.read_text()}\n[as2]\nlisten = "127.0.0.1"\nurl = "https://edi.northside.example:4443/as2"\n{own}\n'
        f'[[as2.identities]]\nname = "NORTHSIDE"\n[[as2.identities.keys]]\ncertificate = "file:{keys}/{us.name}.crt"\n'
        f'key = "file:{keys}/{us.name}.key"\n'
    )
    keys.joinpath(f"{us.name}.key").chmod(0o600)
    partner = folder / "trading_partners" / f"{PARTNER}.toml"
    text = partner.read_text()
    head, tail = text[: text.index("[transport]")], text[text.index("[expectations]") :]
    partner.write_text(
        f'{head}[transport]\nkind = "as2"\nurl = "{url}"\nus = "NORTHSIDE"\nthem = "EXAMPLECLEAR"\n'
        f'signing_certificates = ["file:{keys}/{them.name}.crt"]\n'
        f'encryption_certificates = ["file:{keys}/{them.name}.crt"]\n{transport}\n\n{tail}'
    )
    return Settings.load(gateway)


@dataclass(slots=True, kw_only=True)
class As2Stage:
    """Our house with its door, and the far side."""

    stage: Stage
    door: As2Door
    numbers: int = 0

    # The far side.

    def message(
        self, content: Sequence[Part] | bytes, message_id: str = "", **changes: Any
    ) -> tuple[list[tuple[str, str]], bytes]:
        """One that it sends us; ``changes`` are to its terms. Each has an id of its own unless one is given."""
        self.numbers += 1
        terms = mirrored(agreed(), **changes)
        outgoing = built(content, terms, message_id or f"<{self.numbers}@exampleclear.example>")
        return list(outgoing.headers), b"".join(outgoing.chunks())

    def sends(self, content: Sequence[Part] | bytes, message_id: str = "", **changes: Any) -> Answer:
        return self.takes(*self.message(content, message_id, **changes))

    def takes(self, headers: Sequence[tuple[str, str]], body: bytes, *, certificate: str = "") -> Answer:
        """What the listener answers to this request."""
        head = Head(method="POST", headers=tuple(headers), length=len(body), address=ADDRESS, certificate=certificate)
        admitted = self.door.admit(head)
        if isinstance(admitted, TurnedAway):
            self.door.turned_away(admitted, ADDRESS)
            return Answer(code=admitted.code, body=admitted.what.encode())
        assert isinstance(admitted, Admitted)
        with Spool() as spool:
            spool.write(body)
            return self.door.take(admitted, spool)

    def reads(self, answer: Answer, **changes: Any) -> Mdn:
        """The receipt that an answer holds, as the far side reads it."""
        return receipt_in(answer.headers, answer.body, **changes)

    def receipt(
        self, message: As2Message, *, said: Disposition | None = None, mic: Mic | None = None, **changes: Any
    ) -> Outgoing:
        """One that it posts for a message of ours."""
        self.numbers += 1
        signed = changes.pop("signed", True)
        wanted = MdnWanted(
            message_id=message.message_id, as2_from="NORTHSIDE", as2_to="EXAMPLECLEAR", to="x", signed=signed
        )
        return build_mdn(
            wanted,
            said or PROCESSED,
            mic or Mic(message.mic, message.mic_algorithm),
            terms=mirrored(agreed(), **changes),
            at=NOW,
            message_id=f"<mdn{self.numbers}@exampleclear.example>",
        )

    def posts(self, outgoing: Outgoing) -> Answer:
        return self.takes(list(outgoing.headers), b"".join(outgoing.chunks()))

    # What is known.

    def messages(self, direction: Any = "in", **wanted: Any) -> list[As2Message]:
        with self.stage.reading() as tx:
            found: list[As2Message] = tx.as2_messages.list(direction, **wanted)
        return found

    def contents(self) -> list[bytes]:
        """The documents that arrived, in order."""
        return [self.stage.store.payloads.read(each.payload) for each in self.stage.documents(direction="in")]


def receipt_in(headers: Sequence[tuple[str, str]], body: bytes, **changes: Any) -> Mdn:
    spool = Spool()
    spool.write(body)
    return read_mdn(headers, spool, terms=mirrored(agreed(), **changes), at=NOW)


def as2_stage(
    store: Store, clock: Clock, folder: Path, *, transport: str = "", own: str = "", url: str = THEIR_URL, **more: Any
) -> As2Stage:
    """``transport`` and ``own`` are those of ``as2_settings``, ``more`` those of ``settings_in``."""
    stage = on_stage(store, clock, folder, **more)
    stage.house.settings = as2_settings(folder, transport=transport, own=own, url=url)
    return As2Stage(stage=stage, door=As2Door(stage.house))
