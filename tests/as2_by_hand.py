"""AS2 messages as somebody else could write them, for the tests of what is taken and what is refused."""

import base64
from collections.abc import Callable

import pytest
from as2_stage import MESSAGE_ID, X12, agreed, arrived, spool
from asn1crypto import cms, core
from cms_keys import NOW, made

from gateway.transport.as2.building import Made
from gateway.transport.as2.disposition import Disposition
from gateway.transport.as2.message import As2Refused, Opened
from gateway.transport.as2.mic import digests_of
from gateway.transport.as2.stream import Text
from gateway.transport.as2.terms import Terms
from gateway.transport.cms import compressed, sign

OPEN = {"sign": "", "encrypt": ""}


def refused(disposition: Disposition, why: str, act: Callable[[], object]) -> As2Refused:
    """``act`` is refused with this disposition and reason, and nothing of the content is told."""
    with pytest.raises(As2Refused, match=why) as told:
        act()
    assert told.value.disposition == disposition
    assert told.value.fix
    assert "ISA" not in str(told.value)
    return told.value


def headers_of(made_: Made, **changes: str) -> list[tuple[str, str]]:
    """The headers of a request that carries this entity; ``Message_ID=""`` takes one out."""
    usual = {
        "AS2-From": "NORTHSIDE",
        "AS2-To": "EXAMPLECLEAR",
        "Message-ID": MESSAGE_ID,
        "Disposition-Notification-To": "edi",
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    return [*((name, value) for name, value in usual.items() if value), *made_.headers]


def by_hand(made_: Made, terms: Terms | None = None, /, **changes: str) -> Opened:
    """A request as somebody else could write it, opened under open terms unless others are given."""
    body = b"".join(made_.body.chunks())
    return arrived(headers_of(made_, **changes), body, terms or agreed(**OPEN))


def signed_by_hand(
    sent_bytes: bytes, signed_bytes: bytes, *, name: str = "rsa-northside", by_key_id: bool = False
) -> Made:
    """``multipart/signed`` whose signature is over other bytes than the ones that are sent."""
    digest = digests_of([signed_bytes], ["sha256"])["sha256"]
    signature = sign(digest, "sha256", made(name).identity, at=NOW, by_key_id=by_key_id)
    boundary = "----=_Part 1; of two"
    line = b"--" + boundary.encode()
    body = line + b"\r\n" + sent_bytes + b"\r\n" + line + b"\r\n"
    body += b"Content-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    body += base64.encodebytes(signature) + line + b"--\r\n"
    kind = f'multipart/signed; boundary="{boundary}"; micalg=sha256; protocol="application/pkcs7-signature"'
    return Made([("Content-Type", kind)], Text(body))


def squeezed(inner: Made, encoding: str = "") -> Made:
    """The entity, compressed."""
    work = spool()
    content = spool()
    content.write(b"".join(inner.whole.chunks()))
    body = b"".join(compressed(content.window(), work))
    kind = [("Content-Type", "application/pkcs7-mime; smime-type=compressed-data")]
    if encoding == "base64":
        body = base64.encodebytes(body)
    return Made(kind + ([("Content-Transfer-Encoding", encoding)] if encoding else []), Text(body))


EDI = Made([("Content-Type", "application/edi-x12")], Text(X12 * 50))


def opaque(content: bytes) -> bytes:
    """SignedData around its content, from the same parts as a detached one."""
    signature = sign(digests_of([content], ["sha256"])["sha256"], "sha256", made("rsa-northside").identity, at=NOW)
    info = cms.ContentInfo.load(signature)
    info["content"]["encap_content_info"]["content"] = core.OctetString(content)
    whole: bytes = info.dump(force=True)
    return whole
