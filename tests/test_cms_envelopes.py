"""What is encrypted for us opens; what is tampered with, misnamed, weak or for others does not, and tells no secret."""

import io

import pytest
from asn1crypto import algos
from cms_forgery import (
    AUTHENTICATED,
    CBC_128,
    CONTENT_TYPE,
    DATA,
    DES3,
    ENVELOPED,
    GCM_128,
    IV,
    KEY,
    NONCE,
    NULL,
    OAEP,
    algorithm,
    attribute,
    cbc,
    enveloped,
    gcm,
    named,
    oid,
    recipient,
    t,
    transported,
)
from cms_forms import ALL, CONTENT, THEM, US, encrypted
from cms_keys import made
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from gateway.transport import cms
from gateway.transport.spool import Spool

GCM = algorithm(GCM_128, t(0x30, t(0x04, NONCE), b"\x02\x01\x10"))


def opened(
    sealed: bytes, *identities: cms.Identity, allowed: frozenset[str] = cms.USUAL
) -> tuple[bytes, cms.Decrypted]:
    target = io.BytesIO()
    try:
        told = cms.decrypt(io.BytesIO(sealed), target, identities or [US.identity], allowed=allowed)
    except cms.CmsError:
        assert target.closed, "an error leaves nothing to be read"
        raise
    return target.getvalue(), told


def authenticated(attributes: bytes = b"", after: bytes = b"", **other: bytes) -> bytes:
    """AuthEnvelopedData with these authenticated attributes, which are a SET where they are authenticated."""
    sealed, tag = gcm(attributes=t(0x31, attributes) if attributes else b"")
    ending = (t(0xA1, attributes) if attributes else b"") + t(0x04, other.pop("tag", tag)) + after
    return enveloped(kind=AUTHENTICATED, sealed=sealed, after=ending, cipher=other.pop("cipher", GCM))


def test_what_the_forger_leaves_as_it_should_be_opens() -> None:
    """Else the refusals below would prove nothing."""
    assert opened(enveloped())[0] == CONTENT
    assert opened(authenticated())[0] == CONTENT


def test_all_failures_to_decrypt_are_told_alike() -> None:
    """A wrong key, a wrong padding of the key, a key of the wrong length, wrong padding of the content: one text.

    Whoever could tell them apart could have any message decrypted bit by bit (Bleichenbacher, Vaudenay).
    """
    size = US.certificate.key_bits // 8
    failing = {
        "padding of the key": enveloped(recipient(b"\x01" * size)),
        "key of zeros": enveloped(recipient(bytes(size))),
        "key larger than the modulus": enveloped(recipient(b"\xff" * size)),
        "encrypted key too short": enveloped(recipient(b"\x01" * 16)),
        "no encrypted key": enveloped(recipient(b"")),
        "length of the key": enveloped(recipient(transported(KEY * 2))),
        "empty key": enveloped(recipient(transported(b""))),
        "padding of the content": enveloped(sealed=cbc(pad=bytes(16 - len(CONTENT) % 16))),
        "padding longer than a block": enveloped(sealed=cbc(b"~" * 16, pad=b"\x11" * 16)),
        "half a block": enveloped(sealed=cbc()[:-7]),
        "no block": enveloped(sealed=b""),
    }
    texts = {}
    for case, sealed in failing.items():
        # A random key makes valid padding of one in 256 messages, which then hold noise.
        for _ in range(5):
            try:
                content, _ = opened(sealed)
            except cms.DecryptionFailed as error:
                texts[case] = str(error)
                break
            assert CONTENT not in content
    assert set(texts) == set(failing)
    assert len(set(texts.values())) == 1


def test_a_wrong_key_under_gcm_is_told_like_a_wrong_tag() -> None:
    sealed, tag = gcm()
    texts = set()
    for key, its_tag in ((b"\x01" * 256, tag), (transported(KEY * 2), tag), (transported(), bytes(16))):
        with pytest.raises(cms.Tampered) as caught:
            opened(enveloped(recipient(key), kind=AUTHENTICATED, cipher=GCM, sealed=sealed, after=t(0x04, its_tag)))
        texts.add(str(caught.value))
    assert len(texts) == 1
    assert issubclass(cms.Tampered, cms.DecryptionFailed)


def test_the_key_in_place_of_a_wrong_one_cannot_be_guessed() -> None:
    """Else whoever knows it could send us what nobody encrypted for us."""
    sealed, tag = gcm(key=bytes(16))
    for key in (b"\x01" * 16, b"\x01" * 256, transported(b""), transported(bytes(32))):
        with pytest.raises(cms.Tampered):
            opened(enveloped(recipient(key), kind=AUTHENTICATED, cipher=GCM, sealed=sealed, after=t(0x04, tag)))


def test_nobody_tests_keys_by_naming_us_twice() -> None:
    """The first recipient info of ours is used, whatever comes of it: a second would be an oracle about the first."""
    probe, good = recipient(b"\x01" * 256), recipient(transported())
    sealed, tag = gcm()

    def twice(*recipients: bytes) -> bytes:
        return enveloped(*recipients, kind=AUTHENTICATED, cipher=GCM, sealed=sealed, after=t(0x04, tag))

    assert opened(twice(good, probe))[0] == CONTENT
    with pytest.raises(cms.Tampered):
        opened(twice(probe, good))


def test_gcm_tampering_at_any_place_is_noticed() -> None:
    """Content, tag, nonce: one bit is enough."""
    sealed, tag = gcm()
    flipped = bytes([tag[0] ^ 1]) + tag[1:]
    for broken in (
        authenticated(tag=flipped),
        authenticated(tag=tag[:15] + bytes([tag[15] ^ 128])),
        enveloped(kind=AUTHENTICATED, cipher=GCM, sealed=sealed[:-1], after=t(0x04, tag)),
        enveloped(kind=AUTHENTICATED, cipher=GCM, sealed=sealed + b"\0", after=t(0x04, tag)),
        enveloped(kind=AUTHENTICATED, cipher=GCM, sealed=bytes([sealed[0] ^ 1]) + sealed[1:], after=t(0x04, tag)),
        authenticated(cipher=algorithm(GCM_128, t(0x30, t(0x04, bytes(12)), b"\x02\x01\x10"))),
    ):
        with pytest.raises(cms.Tampered, match="authentication tag does not fit"):
            opened(broken)


def test_a_tag_that_is_shorter_than_said_or_allowed_is_refused() -> None:
    """A tag of four bytes is guessed; RFC 5084 has 12 to 16."""
    _, tag = gcm()
    for length, its_tag, error in (
        (b"\x02\x01\x0c", tag[:12], None),
        (b"", tag[:12], None),  # Twelve, where it is left out.
        (b"\x02\x01\x0d", tag[:13], None),
        (b"\x02\x01\x04", tag[:4], cms.Malformed),
        (b"\x02\x01\x10", tag[:12], cms.Malformed),
        (b"\x02\x01\x0c", tag, cms.Malformed),
        (b"\x02\x01\x11", tag + b"\0", cms.Malformed),
        (b"\x02\x01\x0c", tag[1:13], cms.Tampered),
    ):
        sealed = authenticated(tag=its_tag, cipher=algorithm(GCM_128, t(0x30, t(0x04, NONCE), length)))
        if error is None:
            assert opened(sealed)[0] == CONTENT
        else:
            with pytest.raises(error):
                opened(sealed)


TYPE, OTHER = attribute(CONTENT_TYPE, oid(DATA)), attribute("1.2.3.4", NULL)
AUTHENTIC = OTHER + TYPE  # In the order of DER.


def test_authenticated_attributes_are_authenticated() -> None:
    """They come after the content and go before it into the tag, so the source is read twice. RFC 5083."""
    for attributes in (TYPE, OTHER, AUTHENTIC):
        assert opened(authenticated(attributes))[0] == CONTENT
    sealed, tag = gcm(attributes=t(0x31, AUTHENTIC))
    wrapped = enveloped(kind=AUTHENTICATED, cipher=GCM, sealed=sealed, after=t(0xA1, TYPE, OTHER) + t(0x04, tag))
    assert opened(wrapped)[0] == CONTENT, "sent in any order, authenticated in that of DER"
    for shown in (b"", t(0xA1), t(0xA1, TYPE), t(0xA1, AUTHENTIC, OTHER), t(0xA1, TYPE, attribute("1.2.3.5", NULL))):
        with pytest.raises(cms.Tampered):
            opened(enveloped(kind=AUTHENTICATED, cipher=GCM, sealed=sealed, after=shown + t(0x04, tag)))


def test_authenticated_attributes_of_other_content_are_refused() -> None:
    with pytest.raises(cms.Malformed, match="say that it is no data"):
        opened(authenticated(attribute(CONTENT_TYPE, oid(ENVELOPED))))
    with pytest.raises(cms.Malformed):
        opened(authenticated(t(0x04, b"none")))


def test_authenticated_attributes_need_a_source_that_can_be_read_twice() -> None:
    class Stream(io.BytesIO):
        def tell(self) -> int:
            raise io.UnsupportedOperation

    target = io.BytesIO()
    with pytest.raises(cms.Malformed, match="must be read twice"):
        cms.decrypt(Stream(authenticated(AUTHENTIC)), target, [US.identity])
    assert target.closed
    second = io.BytesIO()
    cms.decrypt(Stream(authenticated()), second, [US.identity])
    assert second.getvalue() == CONTENT


def test_a_source_is_read_from_where_it_stands() -> None:
    for sealed in (authenticated(AUTHENTIC), enveloped()):
        source, target = io.BytesIO(b"before" + sealed), io.BytesIO()
        source.seek(6)
        cms.decrypt(source, target, [US.identity])
        assert target.getvalue() == CONTENT


def test_what_need_not_be_understood_is_passed_over() -> None:
    """Who sent it, attributes that nothing protects, and recipients of other kinds."""
    extras = t(0xA1, attribute("1.2.3.4", NULL))
    originator = t(0xA0, t(0xA0, made("rsa-stranger").certificate.der))
    others = [t(tag, b"\x02\x01\x03") for tag in (0xA1, 0xA2, 0xA3, 0xA4)]
    assert opened(enveloped(*others, recipient(transported()), before=originator, after=extras))[0] == CONTENT
    assert opened(authenticated(after=t(0xA2, attribute("1.2.3.4", NULL))))[0] == CONTENT


CIPHERS_REFUSED: dict[str, tuple[bytes, type[cms.CmsError], str]] = {
    "rc2": (enveloped(cipher=algorithm("1.2.840.113549.3.2", t(0x30))), cms.Weak, "content encryption rc2 is not"),
    "des": (enveloped(cipher=algorithm("1.3.14.3.2.7", t(0x04, bytes(8)))), cms.Weak, "des is not allowed"),
    "3des": (enveloped(cipher=algorithm(DES3, t(0x04, bytes(8)))), cms.Weak, "or allow 3des in the partner's file"),
    "unknown": (enveloped(cipher=algorithm("1.2.3.4")), cms.Weak, "content encryption 1.2.3.4 is not allowed"),
    "gcm that nothing authenticates": (enveloped(cipher=GCM), cms.Malformed, "aes128-gcm does not belong"),
    "cbc in authenticated content": (
        enveloped(kind=AUTHENTICATED, after=t(0x04, bytes(16))),
        cms.Malformed,
        "aes128-cbc does not belong",
    ),
    "a short initialization vector": (enveloped(cipher=algorithm(CBC_128, t(0x04, IV[:8]))), cms.Malformed, "param"),
    "no initialization vector": (enveloped(cipher=algorithm(CBC_128)), cms.Malformed, "parameters of the content"),
    "a number for one": (enveloped(cipher=algorithm(CBC_128, t(0x02, IV))), cms.Malformed, "parameters of the"),
    "a nonce of one byte": (authenticated(cipher=algorithm(GCM_128, t(0x30, t(0x04, b"1")))), cms.Malformed, "param"),
    "parameters of gcm that are none": (authenticated(cipher=algorithm(GCM_128, NULL)), cms.Malformed, "has no parts"),
    "three parameters": (enveloped(cipher=algorithm(CBC_128, t(0x04, IV), NULL)), cms.Malformed, "identifier"),
    "an identifier that is none": (enveloped(cipher=t(0x30, NULL)), cms.Malformed, "identifier"),
    "other content": (enveloped(inner=ENVELOPED), cms.Malformed, "is said not to be plain data"),
    "no encrypted content at all": (enveloped(kind=DATA), cms.Malformed, "this is no encrypted content"),
}


@pytest.mark.parametrize("case", CIPHERS_REFUSED)
def test_ciphers_that_are_weak_or_misused_are_refused(case: str) -> None:
    sealed, error, words = CIPHERS_REFUSED[case]
    with pytest.raises(error, match=words):
        opened(sealed)


def oaep(digest: str, masks: str, label: bytes = b"") -> bytes:
    return algorithm(
        OAEP,
        algos.RSAESOAEPParams(
            {
                "hash_algorithm": {"algorithm": digest},
                "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": masks}},
                "p_source_algorithm": {"algorithm": "p_specified", "parameters": label},
            }
        ).dump(),
    )


def oaep_padding(digest: hashes.HashAlgorithm, masks: hashes.HashAlgorithm) -> padding.OAEP:
    return padding.OAEP(padding.MGF1(masks), digest, None)


@pytest.mark.parametrize("masks", [hashes.SHA1(), hashes.SHA256(), hashes.SHA512()], ids=lambda each: each.name)
@pytest.mark.parametrize("digest", [hashes.SHA1(), hashes.SHA256(), hashes.SHA512()], ids=lambda each: each.name)
def test_oaep_with_any_pair_of_hashes_opens(digest: hashes.HashAlgorithm, masks: hashes.HashAlgorithm) -> None:
    """Java pairs SHA-256 with a mask by SHA-1 where nothing else is said."""
    sealed = enveloped(recipient(transported(how=oaep_padding(digest, masks)), oaep(digest.name, masks.name)))
    content, told = opened(sealed, allowed=ALL)
    assert (content, told.key_transport) == (CONTENT, f"oaep-{digest.name}")


TRANSPORTS_REFUSED: dict[str, tuple[bytes, type[cms.CmsError], str]] = {
    "sha1": (oaep("sha1", "sha1"), cms.Weak, "oaep-sha1 is not allowed"),
    "no parameters, which means SHA-1": (algorithm(OAEP), cms.Weak, "oaep-sha1 is not allowed"),
    "md5": (oaep("md5", "md5"), cms.Malformed, "parameters of RSAES-OAEP"),
    "a label": (oaep("sha256", "sha256", b"label"), cms.Weak, "has a label"),
    "no hash known": (algorithm(OAEP, t(0x30, t(0xA0, algorithm("1.2.3")))), cms.Weak, "oaep-1.2.3 is not allowed"),
    "a page of digits": (
        algorithm(OAEP, t(0x30, t(0xA0, algorithm("1.2" + ".16384" * 99)))),
        cms.Malformed,
        "parameters of RSAES-OAEP cannot be read",
    ),
    "parameters that are none": (algorithm(OAEP, b"\x02\x01\x01"), cms.Malformed, "parameters of RSAES-OAEP"),
    "another transport": (algorithm("1.2.840.113549.1.9.16.3.5"), cms.Weak, "key transport 1.2.840"),
}


@pytest.mark.parametrize("case", TRANSPORTS_REFUSED)
def test_key_transports_that_are_weak_or_unknown_are_refused(case: str) -> None:
    transport, error, words = TRANSPORTS_REFUSED[case]
    with pytest.raises(error, match=words):
        opened(enveloped(recipient(transported(), transport)))


def test_a_message_for_others_is_not_for_us() -> None:
    with pytest.raises(cms.NotForUs, match="encrypted for 2 recipients, and none is a certificate of ours"):
        opened(encrypted("aes256-gcm"), made("rsa-stranger").identity)
    with pytest.raises(cms.NotForUs, match="for 0 recipients"):
        opened(no_recipients())
    key_agreement = t(0xA1, b"\x02\x01\x03")
    with pytest.raises(cms.NotForUs):
        opened(enveloped(key_agreement))


def no_recipients() -> bytes:
    info = t(0x30, oid(DATA), algorithm(CBC_128, t(0x04, IV)), t(0x80, cbc()))
    return t(0x30, oid(ENVELOPED), t(0xA0, t(0x30, b"\x02\x01\x00", t(0x31), info)))


def test_overlapping_keys_of_ours_all_open_what_was_encrypted_for_them() -> None:
    """While a certificate of ours takes the place of another, partners use either."""
    keys = [made("rsa-next").identity, US.identity, THEM.identity]
    assert opened(enveloped(), *keys)[1].certificate == US.certificate
    assert opened(enveloped(), *keys[::-1])[1].certificate == US.certificate


def test_recipients_are_told_by_serial_number_issuer_and_key_identifier() -> None:
    right = named(US.identity)
    by_key_id = t(0x80, US.certificate.key_id)
    assert opened(enveloped(recipient(transported(), name=by_key_id)))[0] == CONTENT
    for wrong in (
        right[:-1] + bytes([right[-1] ^ 1]),
        right.replace(b"rsa-us", b"rsa-as"),
        t(0x80, US.certificate.key_id[:-1]),
        t(0x80, b""),
    ):
        with pytest.raises(cms.NotForUs):
            opened(enveloped(recipient(transported(), name=wrong)))
    for broken in (NULL, t(0x30), t(0x80), t(0xA0, NULL), t(0x30, right)):
        with pytest.raises(cms.CmsError):
            opened(enveloped(recipient(transported(), name=broken)))


def test_a_key_of_ours_below_the_floor_opens_only_where_it_is_allowed() -> None:
    small = made("small")
    sealed = b"".join(cms.encrypted(io.BytesIO(CONTENT), len(CONTENT), [small.certificate], allowed=ALL))
    assert opened(sealed, small.identity, allowed=ALL)[0] == CONTENT
    with pytest.raises(cms.Weak, match="1024 bits, fewer than 2048"):
        opened(sealed, small.identity)
    with pytest.raises(cms.Weak, match="1024 bits, fewer than 2048"):
        cms.encrypted(io.BytesIO(CONTENT), len(CONTENT), [small.certificate])


def test_a_curve_of_ours_that_is_named_opens_nothing() -> None:
    curve = made("ecdsa")
    sealed, tag = gcm()
    named_wrongly = recipient(b"\x01" * 256, name=named(curve.identity))
    with pytest.raises(cms.Tampered):
        opened(
            enveloped(named_wrongly, kind=AUTHENTICATED, cipher=GCM, sealed=sealed, after=t(0x04, tag)), curve.identity
        )


def test_what_is_not_allowed_is_not_made_either() -> None:
    for cipher, key_transport, words in (
        ("3des", "pkcs1v15", "3des is not allowed"),
        ("rc2", "pkcs1v15", "rc2 is not allowed"),
        ("aes256-cbc", "oaep-sha1", "oaep-sha1 is not allowed"),
        ("aes256-cbc", "oaep-md5", "oaep-md5 is not allowed"),
    ):
        with pytest.raises(cms.Weak, match=words):
            cms.encrypted(
                io.BytesIO(CONTENT), len(CONTENT), [US.certificate], cipher=cipher, key_transport=key_transport
            )
    with pytest.raises(cms.Weak, match="elliptic curve key"):
        cms.encrypted(io.BytesIO(CONTENT), len(CONTENT), [made("ecdsa").certificate])


@pytest.mark.parametrize("cipher", ["aes256-cbc", "aes256-gcm"])
@pytest.mark.parametrize("size", [0, len(CONTENT) - 1, len(CONTENT) + 1])
def test_content_that_is_not_as_long_as_said_is_never_sent_as_a_whole(cipher: str, size: int) -> None:
    with pytest.raises(cms.CmsError, match="not as long as was said"):
        list(cms.encrypted(io.BytesIO(CONTENT), size, [US.certificate], cipher=cipher))


def test_what_is_encrypted_is_made_once() -> None:
    """A second time would use key and nonce again."""
    sealed = cms.encrypted(io.BytesIO(CONTENT), len(CONTENT), [US.certificate], cipher="aes128-gcm")
    whole = io.BytesIO()
    sealed.write_to(whole)
    assert len(whole.getvalue()) == sealed.length
    with pytest.raises(AssertionError, match="made once"):
        list(sealed)
    first, second = encrypted("aes128-gcm"), encrypted("aes128-gcm")
    assert first != second


def test_pieces_stay_as_they_are_while_more_are_made() -> None:
    content = bytes(range(256)) * 4096
    kept = list(cms.encrypted(io.BytesIO(content), len(content), [US.certificate]))
    assert len(kept) > 4
    assert opened(b"".join(kept))[0] == content


def test_a_spool_holds_what_was_opened_until_it_turns_out_to_be_forged() -> None:
    content = bytes(range(256)) * 8192
    sealed = bytearray(encrypted("aes256-gcm", content=content))
    with Spool() as spool:
        cms.decrypt(io.BytesIO(sealed), spool, [US.identity])
        assert spool.read() == content
    sealed[-1] ^= 1
    forged = Spool()
    with pytest.raises(cms.Tampered):
        cms.decrypt(io.BytesIO(sealed), forged, [US.identity])
    assert forged.size == 0


def test_no_more_recipients_than_anybody_needs() -> None:
    stranger = recipient(b"\x01", name=named(made("rsa-stranger").identity))
    with pytest.raises(cms.TooLarge, match="more than 256 recipients"):
        opened(enveloped(*[stranger] * 257, recipient(transported())))
    assert opened(enveloped(*[stranger] * 255, recipient(transported())))[0] == CONTENT
