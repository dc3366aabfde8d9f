"""Certificates by reference: ``file:path``, their PEM text itself, or, where one is only compared, a fingerprint.

They are no secrets. What they say is judged where a transport is known; here it only counts that they can be read.
"""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo

from gateway.errors import SettingsInvalid
from gateway.settings.parts import mistake

PEM = "-----BEGIN CERTIFICATE-----"
SIZE_MAX = 64 * 1024  # bytes; a certificate has two or three thousand
_FINGERPRINT = re.compile(r"SHA256:([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}")


class CertificateSource:
    """Where a certificate is found. ``folder`` is what a relative ``file:`` path starts from."""

    __slots__ = ("_folder", "reference")

    def __init__(self, reference: str, folder: Path = Path()) -> None:
        self.reference = reference
        self._folder = folder

    def __repr__(self) -> str:
        return f"CertificateSource({self.words})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CertificateSource) and (self.reference, self._folder) == (
            other.reference,
            other._folder,
        )

    def __hash__(self) -> int:
        return hash((self.reference, self._folder))

    @property
    def words(self) -> str:
        """The reference as it is shown: a text of many lines is only named."""
        return self.reference if self.reference.startswith(("file:", "SHA256:")) else "the PEM text"

    @property
    def fingerprint(self) -> str:
        """``SHA256:`` and 64 small hexadecimal digits where nothing but this is known of it; "" otherwise."""
        if not self.reference.startswith("SHA256:"):
            return ""
        return f"SHA256:{self.reference.removeprefix('SHA256:').replace(':', '').lower()}"

    def problem(self) -> str:
        """Why it can't be read at present; "" where it can."""
        try:
            self._content()
        except ValueError as error:
            return str(error)
        except OSError as error:
            return f"the file {self._place} can't be read ({error.strerror})"
        return ""

    def read(self) -> bytes:
        """Its PEM or DER bytes; none for a fingerprint. Raises SettingsInvalid where they can't be read."""
        if problem := self.problem():
            raise SettingsInvalid(problem, where=self.words, fix="Put the certificate there")
        return self._content()

    @property
    def _place(self) -> str:
        return self.reference.removeprefix("file:")

    def _content(self) -> bytes:
        if self.fingerprint:
            return b""
        if not self.reference.startswith("file:"):
            return self.reference.strip().encode("ascii")
        if "\0" in self._place:
            raise ValueError("this can't be a file's name")
        with (self._folder / self._place).open("rb") as file:
            content = file.read(SIZE_MAX + 1)
        if not content.strip():
            raise ValueError(f"the file {self._place} is empty")
        if len(content) > SIZE_MAX:
            raise ValueError(f"the file {self._place} is too large for a certificate")
        return content


def _certificate(value: Any, info: ValidationInfo) -> CertificateSource:
    if not isinstance(value, str) or not (_is_file(value) or _is_pem(value)):
        fix = "Write file:path, or the PEM text between ''' and ''', of the certificate alone and never of its key"
        raise mistake("this is no certificate", fix)
    return CertificateSource(value, (info.context or {}).get("folder", Path()))


def _pin(value: Any, info: ValidationInfo) -> CertificateSource:
    if isinstance(value, str) and value.startswith("SHA256:"):
        if not _FINGERPRINT.fullmatch(value):
            fix = "Write SHA256: and 64 hexadecimal digits, as `openssl x509 -noout -fingerprint -sha256` shows them"
            raise mistake("this is no fingerprint of a certificate", fix)
        return CertificateSource(value)
    return _certificate(value, info)


def _pkcs12(value: Any, info: ValidationInfo) -> CertificateSource:
    if not isinstance(value, str) or not _is_file(value):
        raise mistake("this is no file of a key and its certificate", "Write file:path, of a PKCS#12 file (.p12, .pfx)")
    return CertificateSource(value, (info.context or {}).get("folder", Path()))


def _is_file(value: str) -> bool:
    return value.startswith("file:") and len(value) > len("file:")


def _is_pem(value: str) -> bool:
    return value.lstrip().startswith(PEM) and value.isascii() and "PRIVATE KEY" not in value


Certificate = Annotated[CertificateSource, BeforeValidator(_certificate)]
Pkcs12 = Annotated[CertificateSource, BeforeValidator(_pkcs12)]
Pin = Annotated[CertificateSource, BeforeValidator(_pin)]
