"""The configuration: the shipped files are valid, every mistake of every file comes at once, and no secret is shown."""

import re
import tomllib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from gateway.errors import Finding, SettingsInvalid
from gateway.flow.policies import payer_policy
from gateway.settings import Secret, Settings, npi_is_valid, npi_with_check_digit
from gateway.settings.as2 import As2Transport
from gateway.settings.mailboxes import DirectoryTransport, SftpTransport
from gateway.settings.places import Places
from gateway.settings.policies import PolicyFile
from gateway.settings.schema import GatewayFile, Partner
from gateway.settings.words import known_keys

CHECKOUT = Path(__file__).parent.parent
GATEWAY = (CHECKOUT / "conf" / "gateway.toml").read_text()
PARTNER = (CHECKOUT / "trading_partners" / "simulated.toml").read_text()
EXAMPLE = (CHECKOUT / "trading_partners" / "_example.toml").read_text()
EXAMPLE_POLICY = (CHECKOUT / "trading_partners" / "payers" / "_example.toml").read_text()
POLICY = (CHECKOUT / "trading_partners" / "payers" / "simulated.toml").read_text()
SECRET = "Tr0ub4dor-and-3"


class House:
    """A folder with a configuration that a test spoils."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("conf/gateway.toml", GATEWAY)
        self.write("trading_partners/simulated.toml", PARTNER)
        self.write("trading_partners/payers/simulated.toml", POLICY)

    def write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def spoil(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new, 1))

    def load(self) -> Settings:
        return Settings.load(self.folder / "conf" / "gateway.toml")

    def mistakes(self) -> list[str]:
        with pytest.raises(SettingsInvalid) as caught:
            self.load()
        assert SECRET not in str(caught.value)
        return [str(each) for each in caught.value.findings]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


# What the shipped files say.


def test_the_shipped_configuration_is_read(house: House) -> None:
    settings = house.load()
    clinic = settings.clinic("northside", "downtown")
    assert clinic is not None
    assert clinic.npi == "1234567893"
    assert settings.clinic("northside", "uptown") is None
    assert settings.clinic("southside", "downtown") is None
    partner = settings.partner_for("SIM01", "278")
    assert partner is not None
    assert (partner.name, partner.usage) == ("simulated", "T")
    assert partner.envelope.gs_sender == partner.envelope.sender == "NORTHSIDE"
    assert partner.expectations.within_s("277ca") == 24 * 3600
    assert (partner.acknowledge.ta1, partner.acknowledge.group) == ("always", "always")
    assert [each.file for each in settings.policies.rows("SIM01") if each.payer] == [
        "trading_partners/payers/simulated.toml"
    ]
    assert all(each.file.endswith("/defaults.toml") for each in settings.policies.rows("OTHER"))
    assert settings.data == house.folder / "var"
    assert settings.database_url == f"sqlite:///{house.folder / 'var' / 'gateway.db'}"
    assert settings.payloads == str(house.folder / "var" / "payloads")


def test_without_a_file_the_shipped_sample_writes_below_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    settings = Settings.load()
    assert settings.data == tmp_path / "var"
    assert "simulated" in settings.partners
    assert not any(tmp_path.iterdir())


def test_the_environment_names_the_file_before_the_usual_place(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(house.folder)
    house.spoil("conf/gateway.toml", '"gateway-1"', '"usual"')
    house.write("other.toml", GATEWAY.replace('"gateway-1"', '"other"').replace("../", ""))
    assert Settings.load().node == "usual"
    monkeypatch.setenv("GATEWAY_CONFIG", str(house.folder / "other.toml"))
    assert Settings.load().node == "other"


def test_the_example_partner_is_valid_but_for_its_secrets(house: House) -> None:
    house.write("trading_partners/example.toml", EXAMPLE)
    told = house.mistakes()
    assert len(told) == 7
    assert all("transport." in each and ("EXAMPLE_" in each or "keys/" in each) for each in told)
    house.spoil("trading_partners/example.toml", "enabled = true", "enabled = false")
    settings = house.load()
    assert settings.partners["example"].transport.kind == "sftp"
    assert settings.partner_for("EX001", "837") is None


def every_key(model: type[BaseModel], path: tuple[str | int, ...] = ()) -> set[str]:
    names = known_keys(model, path)
    inner = {key for name in names for key in (every_key(model, (*path, name)) if len(path) < 4 else ())}
    return names | inner


@pytest.mark.parametrize(
    ("text", "model", "own"),
    [(GATEWAY, GatewayFile, set()), (EXAMPLE, Partner, {"name"}), (EXAMPLE_POLICY, PolicyFile, set())],
    ids=["gateway.toml", "_example.toml", "policy"],
)
def test_the_shipped_files_show_every_key_with_a_comment(text: str, model: type[BaseModel], own: set[str]) -> None:
    shown = set(re.findall(r"[\[{,.\s#]([a-z0-9_]+)\s*[=\]]", f"\n{text}"))
    assert every_key(model) - own - shown == set()
    for transport in (SftpTransport, DirectoryTransport, As2Transport) if model is Partner else ():
        assert set(transport.model_fields) - shown == set()


def test_the_rules_understand_every_key_of_a_policy(house: House) -> None:
    settings = house.load()
    shipped = payer_policy(settings, "SIM01", date(2026, 3, 2))
    assert (shipped.auth_required, shipped.required_modifiers) == (True, ("GP",))
    assert (shipped.g1_placement, shipped.late_claim_grace) == ("claim", 90)
    unknown = payer_policy(settings, "OTHER", date(2026, 3, 2))
    assert (unknown.auth_required, unknown.hsd_reading, unknown.late_claim_grace) == (None, "", None)


def test_a_partner_whose_file_has_no_fit_name_is_told(house: House) -> None:
    (house.folder / "trading_partners" / "simulated.toml").rename(house.folder / "trading_partners" / "Acme Inc.toml")
    assert any("Acme Inc.toml, name: an id is made of small letters" in each for each in house.mistakes())


# Mistakes.


def test_every_mistake_of_every_file_comes_at_once(house: House) -> None:
    house.spoil("conf/gateway.toml", "threads = 4", 'threads = "4"')
    house.spoil("conf/gateway.toml", 'npi = "1234567893"', 'npi = "1234567890"')
    house.spoil("conf/gateway.toml", 'id = "lakeside"', 'id = "downtown"')
    house.spoil("conf/gateway.toml", "every_s = 5", "evry_s = 5")
    house.spoil("trading_partners/simulated.toml", 'receiver = "SIMCLEAR"', 'receiver = "SIMULATEDCLEARING"')
    house.spoil("trading_partners/simulated.toml", 'kind = "directory"', 'kind = "carrier pigeon"')
    house.write("trading_partners/twin.toml", PARTNER)
    house.write("trading_partners/broken.toml", 'stage = "test"\nsender = 00123\n')
    house.write("trading_partners/payers/nobody.toml", 'payer = "GHOST"\nunit = "weeks"\n')
    told = house.mistakes()

    def line(name: str, text: str) -> int:
        return (house.folder / name).read_text().split(text)[0].count("\n") + 1

    gateway, partner = "conf/gateway.toml", "trading_partners/simulated.toml"
    expected = [
        f"gateway.toml, line {line(gateway, 'threads =')}, work.threads: this must be a whole number",
        f"gateway.toml, line {line(gateway, '1234567890')}, organisations[0].clinics[0].npi: this is no NPI",
        f"gateway.toml, line {line(gateway, 'evry_s')}, intake.evry_s: there is no such key. Did you mean every_s?",
        "organisations[0].clinics[1].id: the id downtown is there twice",
        f"{partner}, line {line(partner, 'SIMULATEDCLEARING')}, envelope.receiver: this has 17 characters",
        f"{partner}, line {line(partner, 'kind =')}, transport.kind: there is no such transport",
        "trading_partners/broken.toml, line 2: this is not TOML",
        f"trading_partners/twin.toml, line {line(partner, '[[payers]]')}, payers[0]: payer SIM01 is served twice",
        "payers/nobody.toml, line 1, payer: no partner serves payer GHOST",
        'payers/nobody.toml, line 2, unit: this is none of the values that are possible here. Write "", "visit"',
    ]
    missing = [each for each in expected if not any(each in text for text in told)]
    assert not missing, "\n".join(told)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('stage = "test"', 'stage = "production"', '"test" or "live"'),
        ('stage = "test"', "", "stage: this key is missing"),
        ('"{type}_{isa13}.edi"', '"{type}.edi"', "Put {isa13} into the template"),
        ('"{type}_{isa13}.edi"', '"{patient}_{isa13}.edi"', "Use only {isa13}, {date}, {time}, {type}, {usage}"),
        ('"{type}_{isa13}.edi"', '"out/{isa13}"', "a file name has letters"),
        ('"{type}_{isa13}.edi"', '"{isa13!r:>2"', "no name template"),
        ('"{type}_{isa13}.edi"', '"{isa13:>900}"', "no name template"),
        ('"{type}_{isa13}.edi"', '"{isa13.__class__}"', "no name template"),
        ('"{type}_{isa13}.edi"', '".{isa13}"', "no dot at its ends"),
        ('"{type}_{isa13}.edi"', '"{isa13}."', "no dot at its ends"),
        ('"{type}_{isa13}.edi"', '"{isa13}.part"', "look like uploads"),
        ('"{type}_{isa13}.edi"', '"{isa13}.837"\nname_max = 12', "13 characters long (000000001.837)"),
        ('"{type}_{isa13}.edi"', '"{clinic}{isa13}"\nname_max = 16', "17 characters long (downtown000000001)"),
        ('"9SIMULATED"', '"9SIM"', "ten digits or capitals"),
        ('ta1 = "1h"', 'ta1 = "1 hour"', "no duration"),
        ('ta1 = "1h"', "ta2 = 5", "Did you mean ta1?"),
        ("[transport]", '[envelope.delimiters]\nelement = "~"\n[transport]', "the same as the element delimiter"),
        ("[transport]", '[envelope.delimiters]\nelement = "I"\n[transport]', "no letter"),
        ('receiver = "SIMCLEAR"', 'receiver = "SIM:CLEAR"', "contains one of the delimiters"),
        ('"payer/sftp/outbound"', '"payer/sftp/inbound"', "the same folder"),
        ('kind = "directory"', 'kind = "directory"\nafter = "move"', "no archive is named"),
        ('kind = "directory"', 'kind = "directory"\nhost = "x"', "known here are after, archive, inbox, kind"),
        ('kind = "directory"', "", 'Write kind = "directory", kind = "sftp" or kind = "as2"'),
        ('transactions = ["278", "837"]', 'transactions = ["835"]', '"278" or "837"'),
        ('transactions = ["278", "837"]', "transactions = []", "At least 1"),
        ("poll_every_s = 5", "poll_every_s = 0", "greater than 0"),
        ("[schedule]", "[schedle]", "Did you mean schedule?"),
        ('ta1 = "always"', 'ta1 = "sometimes"', '"never", "requested", "errors" or "always"'),
        ('999 = "always"', '999 = "requested"', '"never", "errors" or "always"'),
        ('999 = "always"', '997 = "always"', "Did you mean 999?"),
        ('description = "Simulated', 'name = "x"\ndescription = "Simulated', "a partner is named by its file"),
    ],
)
def test_a_mistake_in_a_partner_is_told_with_its_mend(house: House, old: str, new: str, words: str) -> None:
    house.spoil("trading_partners/simulated.toml", old, new)
    told = house.mistakes()
    assert any(words in each and each.startswith("trading_partners/simulated.toml") for each in told), told


@pytest.mark.parametrize(
    ("template", "name_max"),
    [("{clinic}_{type}_{date}_{isa13}.837.PGP", 60), ("{organisation}-{clinic}-{type}-{isa13}.dat", 50)],
)
def test_a_name_that_ends_in_837_pgp_or_has_50_characters_and_dat_is_no_mistake(
    house: House, template: str, name_max: int
) -> None:
    old = 'name_template = "{type}_{isa13}.edi"'
    house.spoil("trading_partners/simulated.toml", old, f'name_template = "{template}"\nname_max = {name_max}')
    partner = house.load().partners["simulated"]
    assert (partner.name_template, partner.name_max) == (template, name_max)


SFTP = """kind = "sftp"
host = "sftp.example"
username = "us"
host_keys = ["SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]
inbox = "/in"
outbox = "/out"
"""


def with_sftp(house: House, more: str) -> None:
    before, after = PARTNER.split("[transport]")[0], PARTNER[PARTNER.index("[schedule]") :]
    house.write("trading_partners/simulated.toml", f"{before}[transport]\n{SFTP}{more}\n{after}")


def test_a_secret_is_a_reference_and_its_value_is_never_shown(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with_sftp(house, f'password = "{SECRET}"')
    assert any("transport.password: this must be a reference" in each for each in house.mistakes())
    with_sftp(house, 'password = "env:SIM_PASSWORD"\nkey = "file:key"')
    assert [each.split(": ")[1].split(".")[0] for each in house.mistakes()] == [
        "the environment has no SIM_PASSWORD, or it is empty",
        "the file key can't be read (No such file or directory)",
    ]
    monkeypatch.setenv("SIM_PASSWORD", SECRET)
    house.write("trading_partners/key", f"{SECRET}\n")
    settings = house.load()
    transport = settings.partners["simulated"].transport
    assert isinstance(transport, SftpTransport)
    assert transport.password is not None
    assert transport.key is not None
    assert transport.password.reveal() == transport.key.reveal() == SECRET
    assert SECRET not in repr(settings)
    monkeypatch.delenv("SIM_PASSWORD")
    with pytest.raises(SettingsInvalid, match="SIM_PASSWORD"):
        transport.password.reveal()


SEVERAL = """[transport]
kind = "directory"
outbox = "out"
inbox = ["first", { path = "second", pattern = "*.835", after = "move", archive = "done" }]
after = "keep"

"""


def with_transport(house: House, text: str) -> None:
    before, after = PARTNER[: PARTNER.index("[transport]")], PARTNER[PARTNER.index("[schedule]") :]
    house.write("trading_partners/simulated.toml", before + text + after)


def test_an_inbox_may_be_several_folders_that_take_what_they_leave_out_from_the_transport(house: House) -> None:
    with_transport(house, SEVERAL)
    transport = house.load().partners["simulated"].transport
    assert isinstance(transport, DirectoryTransport)
    first, second = transport.inbox
    assert (first.path.name, first.pattern, first.after, first.archive) == ("first", "*", "keep", None)
    assert (second.path.name, second.pattern, second.after) == ("second", "*.835", "move")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"first"', '"out"', "transport.outbox: outbox and inbox are the same folder"),
        ('"first"', '"second"', "transport.inbox[1]: inbox and inbox are the same folder"),
        ('"done"', '"first"', "transport.inbox[1].archive: archive and inbox are the same folder"),
        (', archive = "done"', "", "transport.inbox[1].archive: files are to be moved, and no archive is named"),
        ("pattern", "patern", "transport.inbox[1].patern: there is no such key. Did you mean pattern?"),
        ('path = "second", ', "", "transport.inbox[1].path"),
    ],
)
def test_what_is_wrong_with_one_of_several_inboxes_is_told_at_its_place(
    house: House, old: str, new: str, told: str
) -> None:
    with_transport(house, SEVERAL.replace(old, new))
    assert any(told in each for each in house.mistakes()), house.mistakes()


FINGERPRINT = "0123 4567 89AB CDEF 0123  4567 89AB CDEF 0123 4567"


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", "nothing is encrypted and nothing decrypted"),
        ('encrypt_to = ["89ABCDEF"]\ntheir_keys = ["file:a"]', "no fingerprint of an OpenPGP key"),
        (f'encrypt_to = ["{FINGERPRINT}"]', "this needs the partner's key"),
        (f'sign_with = "{FINGERPRINT}"\ndecrypt = true\nour_keys = ["file:a"]', "only what is encrypted is signed"),
        ("decrypt = true\nrequire_signature = false", "this needs a key of ours"),
        ('decrypt = true\nour_keys = ["file:a"]', "nobody is named whose signature counts"),
        ('decrypt = true\nour_keys = ["a.asc"]', "a reference to a secret"),
    ],
)
def test_what_openpgp_needs_and_a_file_does_not_say_is_told(house: House, table: str, told: str) -> None:
    with_transport(house, SEVERAL + f"[transport.pgp]\n{table}\n\n")
    assert any(told in each and "transport.pgp" in each for each in house.mistakes()), house.mistakes()


@pytest.mark.parametrize(
    ("allow", "told"),
    [
        ("diffie-hellman-group1-sha1", "1024 bits"),
        ("hmac-md5", "MD5 is never accepted"),
        ("aes256-ctr", "the modern ones are on anyway"),
    ],
)
def test_an_algorithm_that_nobody_may_allow_is_refused_when_the_file_is_read(
    house: House, allow: str, told: str
) -> None:
    house.write("trading_partners/example.toml", EXAMPLE.replace("allow = []", f'allow = ["ssh-rsa", "{allow}"]'))
    assert any(told in each and "transport.allow[1]" in each for each in house.mistakes()), house.mistakes()


def test_a_partner_that_nobody_can_log_in_to_or_trust_is_told(house: House) -> None:
    with_sftp(house, "")
    assert any("neither a password nor a key" in each for each in house.mistakes())
    with_sftp(house, 'password = "env:HOME"')
    house.spoil("trading_partners/simulated.toml", "SHA256:", "MD5:")
    assert any("neither a public host key" in each for each in house.mistakes())


def test_the_database_may_be_a_reference_only(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_DATABASE", f"postgresql+psycopg://gateway:{SECRET}@db/gateway")
    house.spoil("conf/gateway.toml", "# database =", "database =")
    house.spoil("conf/gateway.toml", "env:GATEWAY_DATABASE_URL", "env:SOME_DATABASE")
    settings = house.load()
    assert settings.database_url.endswith(f"{SECRET}@db/gateway")
    assert SECRET not in repr(settings)
    monkeypatch.delenv("SOME_DATABASE")
    assert any("database: the environment has no SOME_DATABASE" in each for each in house.mistakes())
    house.spoil("conf/gateway.toml", "env:SOME_DATABASE", f"postgresql+psycopg://gateway:{SECRET}@db/gateway")
    assert any("this must be a reference" in each for each in house.mistakes())


def test_the_digest_names_the_files_and_not_the_secrets(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIM_PASSWORD", SECRET)
    with_sftp(house, 'password = "env:SIM_PASSWORD"')
    first = house.load().digest
    monkeypatch.setenv("SIM_PASSWORD", "another")
    assert house.load().digest == first
    house.spoil("trading_partners/payers/simulated.toml", '["GP"]', '["GO"]')
    assert house.load().digest != first


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("conf/gateway.toml", b"\xff\xfe", "not UTF-8"),
        ("conf/gateway.toml", b"", "this key is missing"),
        ("conf/gateway.toml", b"node = ", "not TOML"),
        ("trading_partners/simulated.toml", b"", "this key is missing"),
        ("trading_partners/simulated.toml", b"a = 1\na = 2\n", "line 2"),
        ("trading_partners/simulated.toml", b"payers = 5\ntransport = 5\nenvelope = []", "payers"),
        ("trading_partners/payers/simulated.toml", b"severities = { x = 1 }", "severities.x"),
    ],
)
def test_a_file_that_is_something_else_is_told(house: House, name: str, content: bytes, words: str) -> None:
    (house.folder / name).write_bytes(content)
    assert any(words in each for each in house.mistakes())


def test_a_folder_or_a_file_that_is_not_there_is_told(house: House) -> None:
    house.spoil("conf/gateway.toml", '"../trading_partners"', '"../partners"')
    assert any("there is no such folder" in each for each in house.mistakes())
    with pytest.raises(SettingsInvalid) as caught:
        Settings.load(house.folder / "nowhere.toml")
    assert "can't be read" in str(caught.value.findings[0])


_toml = st.recursive(
    st.booleans() | st.integers(-5, 99999) | st.text("abc{}*:~/é", max_size=6).map(repr),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(key=st.sampled_from(sorted(set(re.findall(r"^([a-z0-9_]+) = ", PARTNER, re.M)))), value=_toml)
def test_no_value_of_any_key_ever_raises_anything_else(
    key: str, value: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    house = House(tmp_path_factory.mktemp("house"))
    text = str(value).replace("True", "true").replace("False", "false")
    house.write("trading_partners/simulated.toml", re.sub(rf"(?m)^{key} = .*$", f"{key} = {text}", PARTNER))
    findings: tuple[Finding, ...] = ()
    try:
        house.load()
    except SettingsInvalid as error:
        findings = error.findings
    assert all(each.what and each.fix and each.where for each in findings)


# Small things that others build on.


@given(st.integers(100_000_000, 299_999_999), st.integers(0, 9), st.integers(1, 9))
def test_the_check_digit_of_an_npi_finds_any_single_wrong_digit(nine: int, place: int, step: int) -> None:
    npi = npi_with_check_digit(str(nine))
    wrong = npi[:place] + str((int(npi[place]) + step) % 10) + npi[place + 1 :]
    assert npi_is_valid(npi)
    assert not npi_is_valid(wrong)


def test_the_npi_that_cms_publishes_as_its_example_is_valid() -> None:
    assert npi_is_valid("1234567893")
    assert not any(npi_is_valid(each) for each in ("123456789", "12345678930", "123456789X", "١٢٣٤٥٦٧٨٩٣", ""))


def test_a_place_is_found_behind_texts_and_lists_of_several_lines() -> None:
    text = """a = '''
b = 1
'''
list = [
  "[x]", # c = [
]
[t.u]
"d.e" = 1
[[v]]
w = 1
[[v]]
w = { x = 1 }
[v.y]
z = 1
"""
    tomllib.loads(text)
    places = Places(text)
    lines = {("a",): 1, ("list",): 4, ("t", "u"): 7, ("v", 0, "w"): 10, ("v", 1, "w", "x"): 12, ("v", 1, "y", "z"): 14}
    assert {path: places.line(path) for path in lines} == lines
    assert places.line(("b",)) == 0
    assert places.line(("t", "u", "d.e")) == 8


def test_a_secret_says_where_it_lies_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(SECRET)
    secret = Secret("file:password", tmp_path)
    assert (repr(secret), secret.reveal()) == ("Secret(file:password)", SECRET)
    assert secret == Secret("file:password", tmp_path) != Secret("file:password")
