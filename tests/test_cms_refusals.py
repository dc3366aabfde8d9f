"""What is forged, tampered with, too weak, too large or not for us is refused, and leaves nothing in its target."""

import hashlib
import io
import zlib

import pytest
from cms_keys import NOW, made

from gateway.transport import cms

CONTENT = b"Content-Type: application/edi-x12\r\n\r\n" + b"ISA*00*~\nGS*HC~\n" * 5000
DIGESTS = {name: hashlib.new(name, CONTENT).digest() for name in cms.DIGESTS}
RSA, OTHER = made("rsa-a"), made("rsa-b")


def sealed(cipher: str = "aes256-gcm") -> bytes:
    return b"".join(cms.encrypted(io.BytesIO(CONTENT), len(CONTENT), [RSA.certificate], cipher=cipher))


def signature(digest: str = "sha256") -> bytes:
    return cms.sign(DIGESTS[digest], digest, RSA.identity, at=NOW, allowed=cms.USUAL | {"sha1"})


def test_gcm_tampering_leaves_nothing() -> None:
    """A tampered GCM message is refused, and its content cannot be read any more."""
    whole = sealed()
    for place in (-1, -16, -40, -len(CONTENT)):
        broken = bytearray(whole)
        broken[place] ^= 1
        target = io.BytesIO()
        with pytest.raises(cms.Tampered):
            cms.decrypt(io.BytesIO(broken), target, [RSA.identity])
        assert target.closed


def test_a_message_for_others_is_not_for_us() -> None:
    with pytest.raises(cms.NotForUs, match="1 recipients, and none"):
        cms.decrypt(io.BytesIO(sealed()), io.BytesIO(), [OTHER.identity])


def test_a_signer_who_is_not_pinned_does_not_count() -> None:
    """The certificate that comes with the signature makes nobody trusted."""
    assert RSA.certificate.der in signature()
    with pytest.raises(cms.SignerUnknown, match="no signer's certificate"):
        cms.verify(signature(), DIGESTS, [OTHER.certificate])
    with pytest.raises(cms.SignerUnknown):
        cms.verify(signature(), DIGESTS, [])


def test_other_content_is_not_what_was_signed() -> None:
    altered = hashlib.sha256(CONTENT + b"\r\n").digest()
    with pytest.raises(cms.SignatureWrong, match="not the one that was signed"):
        cms.verify(signature(), {"sha256": altered}, [RSA.certificate])


def test_sha1_counts_only_where_it_is_allowed() -> None:
    with pytest.raises(cms.Weak, match="sha1 is not allowed"):
        cms.verify(signature("sha1"), DIGESTS, [RSA.certificate])
    assert cms.verify(signature("sha1"), DIGESTS, [RSA.certificate], allowed={"sha1"}).algorithm == "sha1"


def test_a_bomb_goes_off_nowhere() -> None:
    """Compressed content that grows beyond the ratio or the size is refused before it is written."""
    bomb = b"".join(cms.compressed(io.BytesIO(bytes(20_000_000)), io.BytesIO()))
    for limits in ({"size_max": 1 << 40}, {"size_max": 1_000_000, "expansion_max": 2000}):
        target = io.BytesIO()
        with pytest.raises(cms.TooLarge):
            cms.decompress(io.BytesIO(bomb), target, **limits)
        assert target.closed


def test_compressed_content_comes_back() -> None:
    packed = cms.compressed(io.BytesIO(CONTENT), io.BytesIO())
    target = io.BytesIO()
    whole = b"".join(packed)
    assert len(whole) == packed.length
    assert zlib.compress(CONTENT)[2:40] in whole
    cms.decompress(io.BytesIO(whole), target, size_max=len(CONTENT))
    assert target.getvalue() == CONTENT
