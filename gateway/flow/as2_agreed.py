"""What was agreed with a partner over AS2, resolved: certificates and keys are read here, and judged as a whole.

The one place that does so, for messages of both directions. Files are read each time, so that a new certificate counts
at once; the keys that were read stay in memory.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal

from gateway.errors import Finding, GatewayError, SettingsInvalid, Severity
from gateway.settings import As2Identity, As2Key, As2Transport, CertificateSource, KeyPair, Partner, Settings
from gateway.transport.as2.settings import As2Settings, ClientCertificate
from gateway.transport.as2.terms import Limits, Terms
from gateway.transport.cms import Certificate, Identity

RULE = "certificates"
WARN_BEFORE = timedelta(days=30)

Use = Literal["", "sign", "encrypt"]


def terms(settings: Settings, partner: Partner, at: datetime, *, incoming: bool = False) -> Terms:
    """What holds with this partner at this time. Raises SettingsInvalid whose findings are all mistakes.

    ``incoming``: for messages of theirs and their receipts alone, where nobody asks whom we would encrypt for.
    """
    reading = _Reading(settings, partner, at)
    made = reading.terms()
    reading.raise_mistakes(incoming=incoming)
    return made


def web(settings: Settings, partner: Partner, at: datetime, *, incoming: bool = False) -> As2Settings:
    """The same, and how its server is reached. Raises SettingsInvalid whose findings are all mistakes."""
    reading = _Reading(settings, partner, at)
    made = reading.web()
    reading.raise_mistakes(incoming=incoming)
    return made


def findings(settings: Settings, partner: Partner, at: datetime) -> list[Finding]:
    """What is wrong with the certificates and keys of one partner (BLOCK), or soon will be (WARN)."""
    reading = _Reading(settings, partner, at)
    reading.web()
    return reading.findings


def own_findings(settings: Settings, at: datetime) -> list[Finding]:
    """The same of our identities, and of what our listener shows."""
    found: list[Finding] = []
    if settings.as2 is None:
        return found
    for number, identity in enumerate(settings.as2.identities):
        place = f"gateway.toml, as2.identities[{number}]"
        gathered = _keys(identity, place, found)
        for use in ("sign", "decrypt"):
            used = [each for each in gathered if use in each.source.use]
            _judge([(each.place, each.loaded.certificate) for each in used], at, found, use=_CMS_USE[use], place=place)
    shown: dict[tuple[str, ...], list[tuple[str, Certificate]]] = {}
    for number, pair in enumerate(settings.as2.tls):
        place = f"gateway.toml, as2.tls[{number}]"
        with _told(place, found):
            shown.setdefault(tuple(sorted(pair.hosts)), []).append((place, _client(pair).certificate))
    for each in shown.values():
        _judge(each, at, found)
    return found


_CMS_USE: dict[str, Use] = {"sign": "sign", "decrypt": "encrypt"}


@dataclass(frozen=True, slots=True)
class _Key:
    """One key of ours, and where it stands."""

    place: str
    source: As2Key
    loaded: Identity


@dataclass
class _Reading:
    """One reading of all that a partner's file and our own refer to; collects what is wrong."""

    settings: Settings
    partner: Partner
    at: datetime
    findings: list[Finding] = field(default_factory=list)

    @property
    def _agreed(self) -> As2Transport:
        agreed = self.partner.transport
        assert isinstance(agreed, As2Transport), "only partners that are reached over AS2 have terms"
        return agreed

    def raise_mistakes(self, *, incoming: bool) -> None:
        """Raises SettingsInvalid where anything is wrong now."""
        mistakes = tuple(each for each in self.findings if each.severity is Severity.BLOCK)
        if incoming:
            outgoing = self._place("encryption_certificates")
            mistakes = tuple(each for each in mistakes if not str(each.where).startswith(outgoing))
        if mistakes:
            first = mistakes[0]
            raise SettingsInvalid(first.what, where=first.where, fix=first.fix, findings=mistakes)

    def terms(self) -> Terms:
        agreed, own = self._agreed, self.settings.as2
        assert own is not None, "settings know our identity"
        identity = own.identity(agreed.us)
        assert identity is not None, "settings know our identity"
        keys = _keys(identity, f"gateway.toml, as2.identities[{own.identities.index(identity)}]", self.findings)
        signers = self._signers(keys)
        decryptors = [each for each in keys if "decrypt" in each.source.use]
        if agreed.sign or agreed.mdn_signed:
            self._ours(signers, "sign")
        if agreed.require_encryption:
            self._ours(decryptors, "encrypt")
        return Terms(
            partner=self.partner.name,
            us=agreed.us,
            them=agreed.them,
            sign=agreed.sign,
            pss=agreed.signature == "pss",
            encrypt=agreed.encrypt,
            key_transport=agreed.key_transport,
            compress=agreed.compress,
            transfer_encoding=agreed.transfer_encoding,
            content_type=agreed.content_type,
            subject=agreed.subject,
            send_names=agreed.file_name,
            mdn=agreed.mdn,
            mdn_signed=agreed.mdn_signed,
            mdn_url=own.url if agreed.mdn == "async" else "",
            require_signature=agreed.require_signature,
            require_encryption=agreed.require_encryption,
            allow=frozenset(agreed.allow),
            least_digest=agreed.least_digest,
            least_key_bits=agreed.least_key_bits,
            illegal_names=agreed.illegal_names,
            our_signers=[each.loaded for each in signers],
            our_decryptors=[each.loaded for each in decryptors],
            their_signers=self._theirs("signing_certificates", agreed.signing_certificates, "sign"),
            their_encryption=self._theirs("encryption_certificates", agreed.encryption_certificates, "encrypt"),
            limits=Limits(
                body_max=own.body_max,
                expansion_max=own.expansion_max,
                parts_max=own.parts_max,
                header_bytes_max=own.header_max,
            ),
        )

    def web(self) -> As2Settings:
        agreed = self._agreed
        clients = []
        for number, pair in enumerate(agreed.tls_client):
            place = self._place(f"tls_client[{number}]")
            with self._told(place):
                clients.append((place, _client(pair)))
        _judge([(place, each.certificate) for place, each in clients], self.at, self.findings)
        return As2Settings(
            terms=self.terms(),
            url=agreed.url,
            pins=self._pins("tls_certificates", agreed.tls_certificates),
            clients=[each for _, each in clients],
            username=agreed.username,
            password=agreed.password.reveal() if agreed.password else "",
            restart=agreed.restart,
            timeout_s=agreed.timeout_s,
            spool=self.settings.spool,
        )

    def _signers(self, keys: Sequence[_Key]) -> list[_Key]:
        """The one whose day came last signs; until the first one's day comes, those without a day do."""
        may = [each for each in keys if "sign" in each.source.use]
        begun = [each for each in may if each.source.sign_from and each.source.sign_from <= self.at.date()]
        begun.sort(key=lambda each: str(each.source.sign_from), reverse=True)
        return [*begun, *(each for each in may if each.source.sign_from is None)]

    def _ours(self, keys: Sequence[_Key], use: Use) -> None:
        for each in keys:
            self._strong(each.place, each.loaded.certificate)
        valid = [each for each in keys if not each.loaded.certificate.problem(self.at, use)]
        if keys and not valid:
            why = "; ".join(f"{each.place}: {each.loaded.certificate.problem(self.at, use)}" for each in keys)
            fix = "Make a new key, send its certificate to the partner, and put it beside the old one"
            verb = "signs" if use == "sign" else "decrypts"
            what = f"no key of our AS2 name {self._agreed.us} that {verb} is valid ({why})"
            self.findings.append(Finding(rule=RULE, where=self._place("us"), what=what, fix=fix))

    def _theirs(self, key: str, sources: Sequence[CertificateSource], use: Use) -> list[Certificate]:
        loaded = self._certificates(key, sources)
        for place, each in loaded:
            self._strong(place, each)
        _judge(loaded, self.at, self.findings, use=use, place=self._place(key))
        return [each for _, each in loaded]

    def _pins(self, key: str, sources: Sequence[CertificateSource]) -> tuple[str, ...]:
        bare = [each.fingerprint for each in sources if each.fingerprint]
        loaded = self._certificates(key, [each for each in sources if not each.fingerprint])
        _judge(loaded, self.at, self.findings, place=self._place(key), others=bool(bare))
        return (*bare, *(each.fingerprint for _, each in loaded))

    def _certificates(self, key: str, sources: Sequence[CertificateSource]) -> list[tuple[str, Certificate]]:
        found = []
        for number, source in enumerate(sources):
            place = self._place(f"{key}[{number}]")
            with self._told(place):
                found.append((place, Certificate.load(source.read())))
        return found

    def _strong(self, place: str, certificate: Certificate) -> None:
        with self._told(place):
            certificate.require_strength(self._agreed.allow)

    def _told(self, place: str) -> AbstractContextManager[None]:
        return _told(place, self.findings)

    def _place(self, key: str) -> str:
        return f"{self.partner.name}.toml, transport.{key}"


def _keys(identity: As2Identity, place: str, found: list[Finding]) -> list[_Key]:
    gathered = []
    for number, source in enumerate(identity.keys):
        where = f"{place}.keys[{number}]"
        with _told(where, found):
            gathered.append(_Key(where, source, _identity(source)))
    return gathered


def _identity(source: As2Key) -> Identity:
    passphrase = source.key_passphrase.reveal() if source.key_passphrase else ""
    if source.pkcs12 is not None:
        return _unpacked(source.pkcs12.read(), passphrase)
    assert source.certificate is not None, "settings want both, or a PKCS#12 file"
    assert source.key is not None, "settings want both, or a PKCS#12 file"
    return _checked(source.certificate.read(), source.key.reveal(), passphrase)


@lru_cache(maxsize=64)
def _checked(certificate: bytes, key: str, passphrase: str) -> Identity:
    """Proving that a key is sound takes a tenth of a second, and each message would have to wait for it."""
    return Identity.load(certificate, key, passphrase)


@lru_cache(maxsize=64)
def _unpacked(content: bytes, passphrase: str) -> Identity:
    """The same of a PKCS#12 file."""
    return Identity.load_pkcs12(content, passphrase)


def _client(pair: KeyPair) -> ClientCertificate:
    passphrase = pair.key_passphrase.reveal() if pair.key_passphrase else ""
    made = ClientCertificate.load(pair.certificate.read(), pair.key.reveal(), passphrase)
    _checked(made.certificate.der, made.key, passphrase)  # Raises where the key is another one's.
    return made


@contextmanager
def _told(place: str, found: list[Finding]) -> Iterator[None]:
    """What cannot be read becomes a finding, and the rest goes on."""
    try:
        yield
    except GatewayError as error:
        found.append(Finding(rule=RULE, where=place, what=error.what, fix=error.fix))


def _judge(
    loaded: Sequence[tuple[str, Certificate]],
    at: datetime,
    found: list[Finding],
    *,
    use: Use = "",
    place: str = "",
    others: bool = False,
) -> None:
    """Of the certificates for one purpose one must be valid; that the last of them ends is told before it does."""
    problems = [(where, each.problem(at, use)) for where, each in loaded]
    valid = [each for (_, each), (_, problem) in zip(loaded, problems, strict=True) if not problem]
    lasts = max((each.ends for each in valid), default=at)
    for where, problem in problems:
        if problem and (valid or others):
            fix = "Take it out, or wait where its time is still to come"
            found.append(Finding(rule=RULE, where=where, what=problem, fix=fix, severity=Severity.WARN))
        elif problem:
            fix = "Put a valid certificate beside it"
            found.append(Finding(rule=RULE, where=where, what=problem, fix=fix))
    if valid and not others and lasts - at < WARN_BEFORE:
        what = f"the last valid certificate ends on {lasts:%Y-%m-%d}, in {(lasts - at).days} days"
        fix = "Put the next one beside it before that, and tell the partner if it is ours"
        found.append(Finding(rule=RULE, where=place or loaded[0][0], what=what, fix=fix, severity=Severity.WARN))


def as2_partners(settings: Settings) -> Iterator[Partner]:
    """The enabled partners that are reached over AS2."""
    return (each for each in settings.partners.values() if each.enabled and isinstance(each.transport, As2Transport))
