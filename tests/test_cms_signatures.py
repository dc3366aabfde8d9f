"""Whose signature counts, and whose does not: forged, stripped, rewritten and weak ones."""

import hashlib
import io
from datetime import timedelta, timezone
from typing import Any

import pytest
from asn1crypto import core
from cms_forgery import (
    CONTENT_TYPE,
    DATA,
    ENVELOPED,
    MESSAGE_DIGEST,
    NULL,
    OIDS,
    SIGNED,
    Signer,
    algorithm,
    attribute,
    encapsulated,
    named,
    oid,
    pss,
    signed_data,
    t,
    usual_attributes,
)
from cms_forms import ALL, CONTENT, THEM, US, around, digests, signature
from cms_keys import NOW, made
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from gateway.transport import cms

PINNED = [THEM.certificate]
CONTENT_TYPE_DATA, DIGEST = usual_attributes()
GOOD = Signer()


def verified(*signers: Signer, allowed: frozenset[str] = cms.USUAL, **options: Any) -> cms.Verified:
    return cms.verify(signed_data(*signers, **options), digests(), PINNED, allowed=allowed)


def test_what_the_forger_leaves_as_it_should_be_counts() -> None:
    """Else the refusals below would prove nothing."""
    assert verified(GOOD).certificate == THEM.certificate
    assert verified(GOOD.but(attributes=None)).certificate == THEM.certificate
    assert verified(GOOD.but(attributes=(*usual_attributes(), attribute("1.2.3.4", NULL)))).algorithm == "sha256"
    assert verified(GOOD.but(method=algorithm(OIDS["sha256 rsa"], NULL))).algorithm == "sha256"


def test_a_signature_with_no_signer_is_none() -> None:
    """SignedData without a SignerInfo is well formed, and signs nothing."""
    with pytest.raises(cms.SignerUnknown, match="no signer"):
        verified()
    target = io.BytesIO()
    with pytest.raises(cms.SignerUnknown, match="no signer"):
        cms.read_signed(io.BytesIO(signed_data(inner=encapsulated(CONTENT))), target, PINNED)
    assert target.closed


def test_the_wrong_signer_does_not_count_though_its_certificate_comes_along() -> None:
    stranger = made("rsa-stranger")
    theirs = t(0xA0, stranger.certificate.der)
    with pytest.raises(cms.SignerUnknown, match="no signer's certificate is among"):
        verified(GOOD.but(identity=stranger.identity), certificates=theirs)


def test_the_wrong_key_under_a_pinned_name_does_not_count() -> None:
    forged = GOOD.but(identity=made("rsa-stranger").identity, name=named(THEM.identity))
    with pytest.raises(cms.SignatureWrong, match="not one of certificate SHA256:"):
        verified(forged)
    by_key_id = forged.but(name=t(0x80, THEM.certificate.key_id))
    with pytest.raises(cms.SignatureWrong, match="not one of certificate SHA256:"):
        verified(by_key_id)


def test_one_good_signer_among_bad_ones_is_enough() -> None:
    stranger = GOOD.but(identity=made("rsa-stranger").identity)
    weak = GOOD.but(digest="md5", hash=hashes.MD5())
    forged = stranger.but(name=named(THEM.identity))
    for order in ([stranger, weak, forged, GOOD], [GOOD, forged, weak, stranger]):
        assert verified(*order).certificate == THEM.certificate


def test_of_several_refusals_the_telling_one_is_told() -> None:
    weak = GOOD.but(digest="sha1", hash=hashes.SHA1())
    forged = GOOD.but(identity=made("rsa-stranger").identity, name=named(THEM.identity))
    stranger = GOOD.but(identity=made("rsa-stranger").identity)
    with pytest.raises(cms.SignatureWrong):
        verified(stranger, weak, forged)
    with pytest.raises(cms.Weak, match="sha1 is not allowed"):
        verified(stranger, weak)


ATTRIBUTES_REFUSED = {
    "no message digest": ((CONTENT_TYPE_DATA,), "message digest is not there once"),
    "two message digests": ((CONTENT_TYPE_DATA, DIGEST, DIGEST), "message digest is not there once"),
    "two message digests, the second is right": (
        (CONTENT_TYPE_DATA, attribute(MESSAGE_DIGEST, t(0x04, bytes(32))), DIGEST),
        "message digest is not there once",
    ),
    "a message digest of two values": (
        (CONTENT_TYPE_DATA, attribute(MESSAGE_DIGEST, t(0x04, bytes(32)), t(0x04, digests()["sha256"]))),
        "message digest is not there once",
    ),
    "a message digest of no value": ((CONTENT_TYPE_DATA, attribute(MESSAGE_DIGEST)), "message digest is not there"),
    "a message digest of another content": (
        (CONTENT_TYPE_DATA, attribute(MESSAGE_DIGEST, t(0x04, hashlib.sha256(b"other").digest()))),
        "the content is not the one that was signed",
    ),
    "a message digest that is no octet string": (
        (CONTENT_TYPE_DATA, attribute(MESSAGE_DIGEST, t(0x02, digests()["sha256"]))),
        "the content is not the one that was signed",
    ),
    "a message digest that is cut short": (
        (CONTENT_TYPE_DATA, attribute(MESSAGE_DIGEST, t(0x04, digests()["sha256"][:16]))),
        "the content is not the one that was signed",
    ),
    "no content type": ((DIGEST,), "content type is not there once"),
    "two content types": ((CONTENT_TYPE_DATA, CONTENT_TYPE_DATA, DIGEST), "content type is not there once"),
    "another content type": (
        (attribute(CONTENT_TYPE, oid(ENVELOPED)), DIGEST),
        "what was signed is said not to be plain data",
    ),
    "none at all": ((), "content type is not there once"),
}


@pytest.mark.parametrize("case", ATTRIBUTES_REFUSED)
def test_signed_attributes_that_break_the_rules_do_not_count(case: str) -> None:
    """However well they are signed. RFC 5652, 11.1 and 11.2."""
    attributes, words = ATTRIBUTES_REFUSED[case]
    with pytest.raises(cms.SignatureWrong, match=words):
        verified(GOOD.but(attributes=attributes))


def test_attributes_count_in_the_order_of_der_and_in_that_of_the_wire() -> None:
    """DER sorts them; some software signs them as it sends them, and some sends them unsorted."""
    longest_first = tuple(sorted((*usual_attributes(), attribute("1.2.3.4", NULL)), reverse=True))
    for covered in (longest_first, tuple(sorted(longest_first))):
        assert verified(GOOD.but(attributes=longest_first, signed=t(0x31, *covered))).algorithm == "sha256"
    with pytest.raises(cms.SignatureWrong):
        verified(GOOD.but(attributes=longest_first, signed=t(0x31, *longest_first[1:])))


def test_a_signature_over_the_content_does_not_pass_for_one_over_attributes() -> None:
    with pytest.raises(cms.SignatureWrong, match="not one of certificate"):
        verified(GOOD.but(signed=CONTENT))
    with pytest.raises(cms.SignatureWrong, match="not one of certificate"):
        verified(GOOD.but(attributes=None, signed=t(0x31, *usual_attributes())))


METHODS_REFUSED: dict[str, tuple[Signer, type[cms.CmsError], str]] = {
    "md5": (GOOD.but(digest="md5", hash=hashes.MD5()), cms.Weak, "digest algorithm md5 is not allowed"),
    "sha1 inside of a signature that says sha256": (
        GOOD.but(method=algorithm(OIDS["sha1 rsa"], NULL), hash=hashes.SHA1()),
        cms.SignatureWrong,
        "not one of certificate",
    ),
    "sha256 under a method that says sha1": (
        GOOD.but(method=algorithm(OIDS["sha1 rsa"], NULL)),
        cms.SignatureWrong,
        "not one of certificate",
    ),
    "pss of sha256 whose parameters say sha512": (
        GOOD.but(
            method=algorithm(OIDS["pss"], pss("sha512", "sha256", 32)),
            padding=padding.PSS(padding.MGF1(hashes.SHA256()), 32),
        ),
        cms.SignatureWrong,
        "not one of certificate",
    ),
    "an unknown signature algorithm": (GOOD.but(method=algorithm(OIDS["dsa"])), cms.Weak, "1.2.840.10040.4.3"),
    "ecdsa said of an RSA key": (GOOD.but(method=algorithm(OIDS["sha256 ecdsa"])), cms.SignatureWrong, "not one of"),
    "pss said of a v1.5 signature": (
        GOOD.but(method=algorithm(OIDS["pss"], pss("sha256", "sha256", 32))),
        cms.SignatureWrong,
        "not one of",
    ),
    "pss with another hash": (
        GOOD.but(
            method=algorithm(OIDS["pss"], pss("sha512", "sha512", 64)),
            padding=padding.PSS(padding.MGF1(hashes.SHA512()), 64),
            hash=hashes.SHA512(),
        ),
        cms.SignatureWrong,
        "not one of",
    ),
    "pss without parameters, which means SHA-1": (GOOD.but(method=algorithm(OIDS["pss"])), cms.SignatureWrong, "not"),
    "pss with a salt that fits in no key": (
        GOOD.but(method=algorithm(OIDS["pss"], pss("sha256", "sha256", 1 << 70))),
        cms.SignatureWrong,
        "not one of",
    ),
    "pss with a negative salt": (
        GOOD.but(method=algorithm(OIDS["pss"], pss("sha256", "sha256", -1))),
        cms.Malformed,
        "parameters of RSASSA-PSS cannot be read",
    ),
    "pss with another trailer": (
        GOOD.but(method=algorithm(OIDS["pss"], t(0x30, t(0xA3, b"\x02\x01\x02")))),
        cms.Malformed,
        "parameters of RSASSA-PSS cannot be read",
    ),
    "pss with another mask generation": (
        GOOD.but(method=algorithm(OIDS["pss"], t(0x30, t(0xA1, algorithm("1.2.3", algorithm(OIDS["sha256"])))))),
        cms.Malformed,
        "parameters of RSASSA-PSS cannot be read",
    ),
    "pss with parameters that are none": (
        GOOD.but(method=algorithm(OIDS["pss"], t(0x02, b"\1"))),
        cms.Malformed,
        "parameters of RSASSA-PSS cannot be read",
    ),
}


@pytest.mark.parametrize("case", METHODS_REFUSED)
def test_signatures_by_other_means_than_said_or_allowed_do_not_count(case: str) -> None:
    signer, error, words = METHODS_REFUSED[case]
    with pytest.raises(error, match=words):
        verified(signer, allowed=ALL)


def test_pss_with_another_hash_for_its_mask_counts() -> None:
    """As Java's default has it."""
    masked = GOOD.but(
        method=algorithm(OIDS["pss"], pss("sha256", "sha1", 32)),
        padding=padding.PSS(padding.MGF1(hashes.SHA1()), 32),
    )
    assert verified(masked).algorithm == "sha256"


def test_an_elliptic_curve_key_may_be_named_in_place_of_the_algorithm() -> None:
    curve = made("ecdsa")
    for method in ("sha256 ecdsa", "ec key"):
        signed = signed_data(GOOD.but(identity=curve.identity, method=algorithm(OIDS[method])))
        assert cms.verify(signed, digests(), [curve.certificate]).certificate == curve.certificate


def test_a_detached_signature_with_content_of_its_own_is_refused() -> None:
    """What is verified must be what is delivered, so there is one content only."""
    with pytest.raises(cms.Malformed, match="carries content of its own"):
        verified(GOOD, inner=encapsulated(b"Something else"))
    with pytest.raises(cms.Malformed, match="carries content of its own"):
        verified(GOOD, inner=encapsulated(CONTENT))


def test_wrapped_structures_are_not_looked_into() -> None:
    """A good signature around, beside or instead of another structure does not vouch for it."""
    good = signed_data(GOOD)
    around_it = t(0x30, oid(SIGNED), t(0xA0, good))
    for wrapped in (
        around_it,
        good + good,
        t(0x30, good),
        signed_data(GOOD, kind=DATA),
        signed_data(GOOD, kind=ENVELOPED),
    ):
        with pytest.raises(cms.Malformed):
            cms.verify(wrapped, digests(), PINNED)
    with pytest.raises(cms.Malformed, match="said not to be plain data"):
        verified(GOOD, inner=t(0x30, oid(SIGNED)))
    target = io.BytesIO()
    with pytest.raises(cms.Malformed, match="said not to be plain data"):
        cms.read_signed(io.BytesIO(signed_data(GOOD, inner=encapsulated(CONTENT, SIGNED))), target, PINNED)
    assert target.closed


def test_content_inside_of_its_signature_counts_only_if_it_is_the_signed_one() -> None:
    target = io.BytesIO()
    told = cms.read_signed(io.BytesIO(signed_data(GOOD, inner=encapsulated(CONTENT))), target, PINNED)
    assert (target.getvalue(), told.digests) == (CONTENT, {"sha256": digests()["sha256"]})
    for inner, error in ((encapsulated(CONTENT + b"\n"), cms.SignatureWrong), (t(0x30, oid(DATA)), cms.Malformed)):
        target = io.BytesIO()
        with pytest.raises(error):
            cms.read_signed(io.BytesIO(signed_data(GOOD, inner=inner)), target, PINNED)
        assert target.closed


def test_a_digest_that_was_not_announced_was_not_made() -> None:
    """What must be hashed stands before the content, or it is too late."""
    silent = signed_data(GOOD, inner=encapsulated(CONTENT)).replace(t(0x31, algorithm(OIDS["sha256"])), t(0x31), 1)
    silent = shortened(silent, len(algorithm(OIDS["sha256"])))
    with pytest.raises(cms.SignatureWrong, match="sha256 was not announced"):
        cms.read_signed(io.BytesIO(silent), io.BytesIO(), PINNED)


def shortened(whole: bytes, by: int) -> bytes:
    """The three outermost lengths, made right after something inside was taken out."""
    found = bytearray(whole)
    at = 0
    for skipped in (len(oid(SIGNED)), 0, 0):
        assert found[at + 1] == 0x82
        size = int.from_bytes(found[at + 2 : at + 4], "big") - by
        found[at + 2 : at + 4] = size.to_bytes(2, "big")
        at += 4 + skipped
    return bytes(found)


def test_digests_that_are_not_allowed_are_not_made() -> None:
    weak = GOOD.but(digest="sha1", hash=hashes.SHA1())
    both = signed_data(weak, GOOD, inner=encapsulated(CONTENT))
    assert cms.read_signed(io.BytesIO(both), io.BytesIO(), PINNED).digests == {"sha256": digests()["sha256"]}


def test_digests_to_make_are_told_without_those_that_never_count() -> None:
    several = signed_data(GOOD, GOOD.but(digest="sha512"), GOOD.but(digest="md5"), GOOD)
    assert cms.digest_algorithms(several) == ("sha256", "sha512")


def test_no_more_signers_than_a_rollover_needs() -> None:
    with pytest.raises(cms.TooLarge, match="more than 32 signers"):
        verified(*[GOOD.but(attributes=None)] * 33)


def test_a_signature_as_large_as_content_is_refused() -> None:
    padded = signed_data(GOOD, certificates=t(0xA0, t(0x30, t(0x04, bytes(300_000)))))
    with pytest.raises(cms.TooLarge, match="the signature has 3"):
        cms.verify(padded, digests(), PINNED)
    inside = signed_data(GOOD, inner=encapsulated(CONTENT), certificates=t(0xA0, t(0x30, t(0x04, bytes(300_000)))))
    with pytest.raises(cms.TooLarge, match="beside the content"):
        cms.read_signed(io.BytesIO(inside), io.BytesIO(), PINNED)


def test_a_key_below_the_floor_counts_only_where_it_is_allowed() -> None:
    small = made("small")
    signed = cms.sign(digests()["sha256"], "sha256", small.identity, at=NOW, allowed=ALL)
    with pytest.raises(cms.Weak, match="1024 bits, fewer than 2048"):
        cms.verify(signed, digests(), [small.certificate])
    assert cms.verify(signed, digests(), [small.certificate], allowed=ALL).certificate == small.certificate
    with pytest.raises(cms.Weak, match="1024 bits"):
        cms.sign(digests()["sha256"], "sha256", small.identity, at=NOW)


def test_what_is_not_allowed_is_not_signed_either() -> None:
    with pytest.raises(cms.Weak, match="sha1 is not allowed"):
        cms.sign(digests()["sha1"], "sha1", THEM.identity, at=NOW)
    with pytest.raises(cms.Weak, match="md5 is not allowed"):
        cms.sign(bytes(16), "md5", THEM.identity, at=NOW, allowed=ALL | {"md5"})


def test_a_floor_above_the_usual_holds() -> None:
    with pytest.raises(cms.Weak, match="sha256 is not allowed"):
        cms.verify(signature("sha256"), digests(), PINNED, allowed={"sha384", "sha512"})
    assert cms.verify(signature("sha384"), digests(), PINNED, allowed={"sha384", "sha512"}).algorithm == "sha384"


def test_overlapping_certificates_all_count_while_they_are_pinned() -> None:
    """The partner's next certificate may sign before the current one is put away, in any order of the file."""
    both = [made("rsa-next").certificate, THEM.certificate]
    for pinned in (both, both[::-1]):
        assert cms.verify(signature(), digests(), pinned).certificate == THEM.certificate
        next_one = signed_data(GOOD.but(identity=made("rsa-next").identity))
        assert cms.verify(next_one, digests(), pinned).certificate == both[0]


def test_a_signer_without_a_key_identifier_is_named_by_the_usual_hash() -> None:
    plain = made("nokeyid")
    signed = cms.sign(digests()["sha256"], "sha256", plain.identity, at=NOW, by_key_id=True)
    assert cms.verify(signed, digests(), [US.certificate, plain.certificate]).certificate == plain.certificate


def test_the_issuer_may_be_written_with_another_string_type() -> None:
    """Some software writes PrintableString where the certificate has UTF8String."""
    name = named(THEM.identity)
    other = name.replace(b"\x0c\x08rsa-them", b"\x13\x08rsa-them")
    assert other != name
    assert verified(GOOD.but(name=other)).certificate == THEM.certificate
    with pytest.raises(cms.SignerUnknown):
        verified(GOOD.but(name=name.replace(b"rsa-them", b"rsa-then")))


def test_an_issuer_that_cannot_be_read_is_nobody() -> None:
    serial = core.Integer(THEM.certificate.serial).dump()
    assert named(THEM.identity).endswith(serial)
    for issuer in (t(0x30, t(0x31, NULL)), t(0x30, t(0x31, t(0x30, oid("2.5.4.3"), t(0x0C, b"\xff"))))):
        with pytest.raises(cms.SignerUnknown):
            verified(GOOD.but(name=t(0x30, issuer, serial)))


def test_a_signer_with_parts_that_belong_nowhere_is_refused() -> None:
    """After what is signed there is room for unsigned attributes only."""
    assert verified(GOOD.but(unsigned=t(0xA1, attribute("1.2.3.4", NULL)))).certificate == THEM.certificate
    for stray in (NULL, t(0xA0), t(0xA1) + t(0xA1), t(0xA2)):
        with pytest.raises(cms.Malformed, match="a signer's part"):
            verified(GOOD.but(unsigned=stray))


def test_the_time_of_signing_is_written_as_the_rules_have_it() -> None:
    """UTCTime until 2049, GeneralizedTime from 2050 on. RFC 5652, 11.3."""
    for year, written in ((2026, b"\x17\x0d260302150000Z"), (2050, b"\x18\x0f20500302150000Z")):
        at = NOW.replace(year=year, microsecond=999_999).astimezone(timezone(timedelta(hours=-6)))
        signed = cms.sign(digests()["sha256"], "sha256", THEM.identity, at=at)
        assert written in signed
        assert cms.verify(signed, digests(), PINNED).algorithm == "sha256"


def test_what_a_signature_says_of_itself_never_reaches_an_error_text() -> None:
    for part in (b"Example Clinic", b"rsa-stranger"):
        with pytest.raises(cms.CmsError) as caught:
            verified(GOOD.but(identity=made("rsa-stranger").identity))
        assert part.decode() not in str(caught.value)


def test_around_and_detached_are_not_taken_for_each_other() -> None:
    with pytest.raises(cms.Malformed):
        cms.verify(around(signature(), CONTENT), digests(), PINNED)
    with pytest.raises(cms.Malformed, match="no content in it"):
        cms.read_signed(io.BytesIO(signature()), io.BytesIO(), PINNED)
