"""``[as2]`` of ``conf/gateway.toml`` and ``[transport]`` of kind ``as2``: who we are to partners, and what was agreed.

Knows no algorithm beyond its name. Names of algorithms are those of ``transport/cms/algorithms.py``.
"""

import re
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.settings.certificates import Certificate, Pin, Pkcs12
from gateway.settings.parts import Count, Flag, NonEmpty, PathHere, Seconds, Section, mistake
from gateway.settings.secrets import Secret

Digest = Literal["", "sha1", "sha256", "sha384", "sha512"]
Cipher = Literal["", "3des", "aes128-cbc", "aes192-cbc", "aes256-cbc", "aes128-gcm", "aes192-gcm", "aes256-gcm"]
KeyTransport = Literal["pkcs1v15", "oaep-sha1", "oaep-sha256", "oaep-sha384", "oaep-sha512"]
Weak = Literal["sha1", "3des", "oaep-sha1", "rsa1024"]

_SIZE = re.compile(r"([1-9][0-9]{0,5})(kB|MB|GB)")
_BYTES = {"kB": 10**3, "MB": 10**6, "GB": 10**9}
_AS2_NAME = re.compile(r"[\x20-\x7e]{1,128}")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+")
_HEADER_TEXT = re.compile(r"[\x20-\x7e]{0,200}")


def _size(value: Any) -> int:
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise mistake("this is no size", 'Write a number with kB, MB or GB, in quotes: "16kB", "500MB", "2GB"')
    return int(match[1]) * _BYTES[match[2]]


def _as2_name(value: str) -> str:
    """RFC 4130, 6.2: 1 to 128 printable ASCII characters; capitals and small letters differ."""
    if not _AS2_NAME.fullmatch(value) or value != value.strip():
        fix = "Write 1 to 128 printable ASCII characters, without spaces around them, as agreed with the partner"
        raise mistake("this is no AS2 name", fix)
    return value


def _url(value: str) -> str:
    fix = "Write it as https://host:port/path; a login goes into username and password"
    try:
        parts = urlsplit(value)
        port_is_valid = parts.port != 0
    except ValueError:
        raise mistake("this is no URL", fix) from None
    plain = value.isascii() and value.isprintable() and " " not in value
    if not plain or parts.scheme not in ("http", "https") or not parts.hostname or not port_is_valid:
        raise mistake("this is no URL of a web server", fix)
    if parts.username is not None or parts.fragment:
        raise mistake("a login or a fragment stands in the URL", fix)
    return value


def _media_type(value: str) -> str:
    if not _MEDIA_TYPE.fullmatch(value):
        raise mistake("this is no content type", "Write one without parameters, such as application/edi-x12")
    return value


def _header_text(value: str) -> str:
    if not _HEADER_TEXT.fullmatch(value):
        raise mistake("this cannot stand in a header", "Write 200 printable ASCII characters at most")
    return value


Size = Annotated[int, BeforeValidator(_size)]
As2Name = Annotated[str, AfterValidator(_as2_name)]
Url = Annotated[str, AfterValidator(_url)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]


# conf/gateway.toml


class KeyPair(Section):
    """A certificate and its private key, both PEM. Where it is for TLS, the authorities' certificates may follow."""

    certificate: Certificate
    key: Secret
    key_passphrase: Secret | None = None


class As2Tls(KeyPair):
    """What the listener shows to whoever asks for one of ``hosts``; left empty, to everybody else."""

    hosts: tuple[NonEmpty, ...] = ()


class As2Key(Section):
    """One key of ours, as ``certificate`` and ``key`` or both in one ``pkcs12``.

    From ``sign_from`` on it is the one that signs; without it the others sign, and it may, too.
    """

    certificate: Certificate | None = None
    key: Secret | None = None
    pkcs12: Pkcs12 | None = None
    key_passphrase: Secret | None = None
    use: Annotated[tuple[Literal["sign", "decrypt"], ...], Field(min_length=1)] = ("sign", "decrypt")
    sign_from: date | None = None


class As2Identity(Section):
    """One AS2 name of ours, with several keys while one takes the place of another."""

    name: As2Name
    keys: Annotated[tuple[As2Key, ...], Field(min_length=1)]


class As2(Section):
    """Who we are over AS2 and where we listen; ``listen`` left empty: nobody does. Sizes are bytes.

    ``expansion_max`` is how many times its own size a compressed message may unfold to.
    """

    listen: str = ""
    port: Port = 4443
    url: Url | Literal[""] = ""
    body_max: Size = 2 * 10**9
    header_max: Size = 16 * 10**3
    expansion_max: Annotated[int, Field(strict=True, ge=1, le=1000)] = 100
    parts_max: Annotated[int, Field(strict=True, ge=1, le=1000)] = 50
    connections_max: Count = 100
    timeout_s: Annotated[float, Field(gt=0)] = 120.0
    spool: PathHere | None = None
    tls: tuple[As2Tls, ...] = ()
    identities: Annotated[tuple[As2Identity, ...], Field(min_length=1)]

    def identity(self, name: str) -> As2Identity | None:
        """The identity of this AS2 name, letter by letter; None where it is none of ours."""
        return next((each for each in self.identities if each.name == name), None)


# trading_partners/*.toml


class As2Transport(Section):
    """What was agreed with one partner, for both directions. ``us`` and ``them`` are the AS2 names of both sides.

    ``sign``, ``encrypt`` and ``compress`` say what we send, ``require_...`` what we take. ``allow`` names what is weak
    and still used with this partner, in either direction.
    """

    kind: Literal["as2"]
    url: Url
    us: As2Name
    them: As2Name
    sign: Digest = "sha256"
    signature: Literal["pkcs1v15", "pss"] = "pkcs1v15"
    encrypt: Cipher = "aes256-cbc"
    key_transport: KeyTransport = "pkcs1v15"
    compress: Literal["", "before", "after"] = ""
    transfer_encoding: Literal["binary", "8bit", "7bit", "base64", "quoted-printable"] = "binary"
    content_type: Annotated[str, AfterValidator(_media_type)] = "application/edi-x12"
    subject: Annotated[str, AfterValidator(_header_text)] = "EDI"
    file_name: Flag = True
    mdn: Literal["sync", "async", "none"] = "sync"
    mdn_signed: Flag = True
    mdn_within: Seconds = 1800
    mdn_resends: Annotated[int, Field(strict=True, ge=0, le=100)] = 3
    mdn_hosts: tuple[NonEmpty, ...] = ()
    require_signature: Flag = True
    require_encryption: Flag = True
    allow: tuple[Weak, ...] = ()
    least_digest: Literal["sha256", "sha384", "sha512"] = "sha256"
    least_key_bits: Literal[128, 192, 256] = 128
    illegal_names: Literal["refuse", "clean"] = "refuse"
    signing_certificates: tuple[Certificate, ...] = ()
    encryption_certificates: tuple[Certificate, ...] = ()
    tls_certificates: tuple[Pin, ...] = ()
    client_certificates: tuple[Pin, ...] = ()
    tls_client: tuple[KeyPair, ...] = ()
    username: Annotated[str, AfterValidator(_header_text)] = ""
    password: Secret | None = None
    restart: Flag = False
    timeout_s: Annotated[float, Field(gt=0)] = 60.0
