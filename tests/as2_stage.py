"""Two companies that exchange AS2 messages in the tests: NORTHSIDE, which is us, and EXAMPLECLEAR."""

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from cms_keys import NOW, made

from gateway.transport.as2.message import Opened, Outgoing, Part, build, open_message
from gateway.transport.as2.terms import Terms
from gateway.transport.spool import Spool

MESSAGE_ID = "<do_NzUkywi8N8jmgVC9V1CLpQ@northside.example>"
X12 = b"ISA*00*          *00*          *ZZ*NORTHSIDE      *ZZ*EXAMPLECLEAR   ~GS*HC~IEA*1*000000001~"

spool: Callable[[], Spool] = partial(Spool, limit_memory=4096)


def agreed(**changes: Any) -> Terms:
    """What NORTHSIDE holds of EXAMPLECLEAR; signed and encrypted unless changed."""
    us, them = made("rsa-northside"), made("rsa-exampleclear")
    usual = Terms(
        partner="exampleclear",
        us="NORTHSIDE",
        them="EXAMPLECLEAR",
        our_signers=(us.identity,),
        our_decryptors=(us.identity,),
        their_signers=(them.certificate,),
        their_encryption=(them.certificate,),
    )
    return replace(usual, **changes)


def mirrored(terms: Terms, **changes: Any) -> Terms:
    """What EXAMPLECLEAR holds of NORTHSIDE under the same agreement, strict about what was agreed on."""
    us, them = made("rsa-northside"), made("rsa-exampleclear")
    theirs = replace(
        terms,
        partner="northside",
        us=terms.them,
        them=terms.us,
        our_signers=(them.identity,),
        our_decryptors=(them.identity,),
        their_signers=(us.certificate,),
        their_encryption=(us.certificate,),
        require_signature=bool(terms.sign),
        require_encryption=bool(terms.encrypt),
    )
    return replace(theirs, **changes)


def document(content: bytes = X12, name: str = "", content_type: str = "application/edi-x12") -> Part:
    return Part(name=name, content_type=content_type, source=lambda: io.BytesIO(content), size=len(content))


def built(parts: Sequence[Part] | bytes = X12, terms: Terms | None = None, message_id: str = MESSAGE_ID) -> Outgoing:
    """A message of NORTHSIDE to EXAMPLECLEAR."""
    documents = [document(parts)] if isinstance(parts, bytes) else parts
    return build(documents, message_id=message_id, terms=terms or agreed(), at=NOW, spool=spool)


def arrived(headers: Sequence[tuple[str, str]], body: bytes, terms: Terms, **changes: Any) -> Opened:
    """The same message at the other end, whose terms are the mirror of these."""
    content = spool()
    content.write(body)
    return open_message(headers, content, terms=mirrored(terms, **changes), spool=spool, at=NOW)


def sent(outgoing: Outgoing, terms: Terms, **changes: Any) -> Opened:
    """A message as the other side opens it."""
    body = b"".join(outgoing.chunks())
    assert len(body) == outgoing.length
    return arrived(outgoing.headers, body, terms, **changes)
