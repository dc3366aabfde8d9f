"""The last steps of trying a mailbox of files: one of ours is written to the outbox, read, renamed and removed again.

Its name ends like that of an upload which isn't finished, so no poller takes it. It is removed whatever happens.
"""

import secrets
from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol

from gateway.errors import GatewayError, PartnerRefused, PartnerUnreachable

CONTENT = b"A test of the connection. This file can be removed.\n"


class Outbox(Protocol):
    """What a transport does for the probe, each in its outbox. Raises GatewayError."""

    def write(self, name: str, content: bytes) -> None: ...

    def read(self, name: str) -> bytes | None:
        """None where the far side shows nobody what lies there."""
        ...

    def rename(self, old: str, new: str) -> None: ...

    def remove(self, name: str) -> None: ...


def try_out(outbox: Outbox, suffix: str) -> Iterator[tuple[str, str]]:
    """Yields (step, "") before each step and (step, what was found) after it."""
    mark = secrets.token_hex(6)
    first, second = f"gateway-test-{mark}-1{suffix}", f"gateway-test-{mark}-2{suffix}"
    lying = [first]
    try:
        yield "write", ""
        outbox.write(first, CONTENT)
        yield "write", f"a test file of {len(CONTENT)} bytes was written into the outbox"
        yield "read", ""
        yield "read", _read(outbox, first)
        yield "rename", ""
        lying.append(second)
        outbox.rename(first, second)
        yield "rename", "it could be renamed, as each upload is when it is whole"
        yield "remove", ""
        _remove(outbox, second)
        lying.clear()
        yield "remove", "it is gone again"
    finally:
        for name in lying:
            with suppress(GatewayError):
                outbox.remove(name)


def _read(outbox: Outbox, name: str) -> str:
    found = outbox.read(name)
    if found is None:
        return "it may not be read there; each upload is proved by its answers alone"
    if found != CONTENT:
        fix = "The server alters what is written (a text mode, a filter). Ask the partner to turn that off"
        raise PartnerUnreachable(f"{len(found)} other bytes came back than were written", fix=fix)
    return "it was read back as it was written"


def _remove(outbox: Outbox, name: str) -> None:
    try:
        outbox.remove(name)
    except PartnerRefused as error:
        fix = f"Ask the partner for the right to remove what we wrote, and to remove {name}"
        raise PartnerRefused(error.what, where=error.where, fix=fix) from error
