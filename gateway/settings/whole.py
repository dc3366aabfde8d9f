"""All files together: how they are found and read, what the program sees of them, and every mistake of all at once."""

import csv
import hashlib
import json
import os
import tomllib
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from gateway import resources
from gateway.errors import Finding, SettingsInvalid
from gateway.settings import agreement, as2_agreement, policy_agreement, schema
from gateway.settings.as2 import As2
from gateway.settings.certificates import CertificateSource
from gateway.settings.places import Path as KeyPath
from gateway.settings.places import Places, syntax_problem, where
from gateway.settings.policies import PolicyBook, PolicyFile
from gateway.settings.policy_tables import CsvPlaces, from_csv
from gateway.settings.schema import Clinic, GatewayFile, Organisation, Partner
from gateway.settings.secrets import Secret
from gateway.settings.words import mistakes

RULE = "settings"
CONFIG_VARIABLE = "GATEWAY_CONFIG"
PARTNERS = "../trading_partners"
DEFAULTS = "defaults.toml"
"""The policy file by line of business; the shipped one holds where the folder has none of its kind."""

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The whole configuration. ``digest`` names it: equal digests mean equal files, whatever the secrets are."""

    file: Path
    node: str
    data: Path
    database: Secret | None
    payloads: str
    key_file: Path
    intake: schema.Intake
    as2: As2 | None
    work: schema.Work
    log: schema.Log
    organisations: tuple[Organisation, ...]
    partners: Mapping[str, Partner]
    policies: PolicyBook
    policy_folder: Path
    digest: str

    @classmethod
    def load(cls, config: Path | None = None, *, policy: Path | None = None) -> "Settings":
        """Reads ``config``, else the file that GATEWAY_CONFIG names, else ./conf/gateway.toml, else the shipped sample.

        The sample behaves as if it lay in ./conf: what the gateway writes goes below the working directory.
        ``policy`` is a policy file, TOML or CSV, that is read in place of the one that is there of its payer, or of its
        name. Raises SettingsInvalid whose findings are all mistakes of all files.
        """
        file, base = _config_file(config)
        return _Loading(file, base, policy).settings()

    @property
    def database_url(self) -> str:
        """SQLAlchemy's URL of the database. It may hold a password: never show it."""
        return self.database.reveal() if self.database else f"sqlite:///{self.data / 'gateway.db'}"

    @property
    def spool(self) -> Path:
        """The folder for what is too large for memory while it is under way; what lies there is sealed."""
        return _tidy((self.as2 and self.as2.spool) or self.data / "spool")

    def organisation(self, organisation: str) -> Organisation | None:
        """The organisation with this id; None where there is none."""
        return next((each for each in self.organisations if each.id == organisation), None)

    def clinic(self, organisation: str, clinic: str) -> Clinic | None:
        """The clinic with this id within the organisation; None where there is none."""
        found = self.organisation(organisation)
        return next((each for each in found.clinics if each.id == clinic), None) if found else None

    def partner_for(self, payer_id: str, transaction: Literal["278", "837"]) -> Partner | None:
        """The one enabled partner that serves this payer for the transaction; None where nobody does."""
        for partner in self.partners.values():
            payer = partner.payer(payer_id) if partner.enabled else None
            if payer and transaction in payer.transactions:
                return partner
        return None


def _config_file(config: Path | None) -> tuple[Path, Path]:
    named = config or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    usual = Path("conf/gateway.toml")
    if named or usual.is_file():
        file = (named or usual).absolute()
        return file, file.parent
    return resources.folder("conf") / "gateway.toml", Path("conf").absolute()


class _Loading:
    """One reading of all files; collects what is wrong until the end."""

    def __init__(self, file: Path, base: Path, policy: Path | None = None) -> None:
        self._file = file
        self._base = base
        self._policy = policy
        self._findings: list[Finding] = []
        self._places: dict[str, Places | CsvPlaces] = {}
        self._digest = hashlib.sha256()

    def settings(self) -> Settings:
        name = self._file.name
        read = self._read(self._file, name)
        # A file that cannot be read hides no mistakes of the others: they are looked for where they usually lie.
        usual = {"partners": PARTNERS} if (self._file.parent / PARTNERS).is_dir() else {}
        document = read if read is not None else usual
        gateway = self._valid(GatewayFile, name, document, self._base) if read is not None else None
        self._tell(agreement.organisation_mistakes(name, read or {}))
        problem = gateway.database.problem() if gateway and gateway.database else ""
        if problem:
            self._find(name, ("database",), problem, "Put the database's URL there, or leave the key out for SQLite")
        self._tell(as2_agreement.own_mistakes(name, read or {}))
        self._unreadable(name, gateway and gateway.as2, ("as2",), "Put it there, readable by the gateway only")
        partners, policies = self._partner_files(document, readable=read is not None)
        if self._findings or gateway is None:
            raise SettingsInvalid(
                f"the configuration has {_counted(len(self._findings), 'mistake')}",
                where=str(self._file),
                fix="Mend each of them and start again",
                findings=tuple(self._findings),
            )
        payloads = (
            gateway.payloads
            if "://" in gateway.payloads
            else str(self._base / (gateway.payloads or gateway.data / "payloads"))
        )
        return Settings(
            file=self._file,
            node=gateway.node,
            data=_tidy(gateway.data),
            database=gateway.database,
            payloads=payloads if "://" in payloads else str(_tidy(Path(payloads))),
            key_file=_tidy(gateway.key_file or gateway.data / "keys.json"),
            intake=gateway.intake,
            as2=gateway.as2,
            work=gateway.work,
            log=gateway.log,
            organisations=gateway.organisations,
            partners=types.MappingProxyType(partners),
            policies=PolicyBook.of(policies),
            policy_folder=_tidy(self._file.parent / gateway.partners / "payers"),
            digest=self._digest.hexdigest(),
        )

    def _partner_files(
        self, document: Mapping[str, Any], *, readable: bool
    ) -> tuple[dict[str, Partner], dict[str, PolicyFile]]:
        written = document.get("partners")
        folder = self._file.parent / written if isinstance(written, str) and written else None
        if folder is None:
            return {}, {}
        if not folder.is_dir():
            self._find(
                self._file.name,
                ("partners",),
                "there is no such folder",
                "Name the folder that holds the partners' files",
            )
            return {}, {}
        documents = {
            f"{folder.name}/{file.name}": self._read(file, f"{folder.name}/{file.name}") for file in _toml_files(folder)
        }
        rules = {
            f"{folder.name}/payers/{file.name}": self._read(file, f"{folder.name}/payers/{file.name}")
            for file in _toml_files(folder / "payers")
        }
        whole = {name: each for name, each in documents.items() if each is not None}
        policies = self._with_policy({name: each for name, each in rules.items() if each is not None})
        data = document.get("data")
        writes = self._base / data if isinstance(data, str) else self._base
        partners = {}
        for name, each in whole.items():
            partner = self._partner(name, each, folder, writes)
            if partner:
                partners[partner.name] = partner
            self._tell(agreement.partner_mistakes(name, each))
            self._tell(agreement.name_mistakes(name, each, document))
            self._tell(as2_agreement.partner_mistakes(name, each, document if readable else None))
        self._tell(agreement.served_twice(whole))
        self._tell(as2_agreement.named_twice(whole))
        self._tell(policy_agreement.policy_mistakes(policies, whole))
        return partners, self._policy_files(policies, folder)

    def _with_policy(self, policies: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """The policies, with the file that was handed in on the place of the one that it is to replace."""
        if self._policy is None:
            return policies
        table = self._policy.suffix.lower() == ".csv"
        read = self._read_table(self._policy) if table else self._read(self._policy, self._policy.name)
        if read is None:
            return policies
        same = [
            name
            for name, each in policies.items()
            if (each.get("payer") == read["payer"] if "payer" in read else Path(name).stem == self._policy.stem)
        ]
        return {**{name: each for name, each in policies.items() if name not in same}, self._policy.name: read}

    def _read_table(self, file: Path) -> dict[str, Any] | None:
        try:
            document, places, findings = from_csv(file.read_text(encoding="utf-8-sig"), file.name)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            what = f"the file can't be read ({getattr(error, 'strerror', None) or 'it is no table in UTF-8'})"
            findings = [Finding(rule=RULE, where=file.name, what=what, fix="Check its name, and save it as CSV UTF-8")]
            document, places = {}, None
        self._findings += findings
        if places is None or findings:
            return None
        self._places[file.name] = places
        self._digest.update(json.dumps([file.name, document], sort_keys=True, default=str).encode())
        return document

    def _policy_files(self, policies: Mapping[str, Mapping[str, Any]], folder: Path) -> dict[str, PolicyFile]:
        valid = {name: self._valid(PolicyFile, name, each, folder) for name, each in policies.items()}
        found = {name: each for name, each in valid.items() if each}
        if not any(each.get("kind") == "defaults" for each in policies.values()):
            name = f"{folder.name}/payers/{DEFAULTS}"
            shipped = self._read(resources.folder("trading_partners") / "payers" / DEFAULTS, name)
            read = self._valid(PolicyFile, name, shipped, folder) if shipped is not None else None
            found |= {name: read} if read else {}
        return found

    def _partner(self, name: str, document: Mapping[str, Any], folder: Path, writes: Path) -> Partner | None:
        if "name" in document:
            self._find(
                name, ("name",), "a partner is named by its file", "Take the key out; rename the file for another name"
            )
        stem = Path(name).stem
        transport = document.get("transport")
        local = isinstance(transport, dict) and transport.get("kind") == "directory"
        partner = self._valid(Partner, name, {**document, "name": stem}, writes if local else folder)
        if partner and partner.enabled:
            fix = "Put it there, or write enabled = false at the top until it is known"
            self._unreadable(name, partner.transport, ("transport",), fix)
        return partner

    def _read(self, file: Path, name: str) -> dict[str, Any] | None:
        try:
            content = file.read_bytes()
            document = tomllib.loads(content.decode("utf-8-sig").replace("\r\n", "\n"))
        except OSError as error:
            self._findings.append(
                Finding(
                    rule=RULE,
                    where=str(file),
                    what=f"the file can't be read ({error.strerror})",
                    fix="Check its name and rights",
                )
            )
            return None
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            self._findings.append(
                Finding(
                    rule=RULE, where=where(name, line, ()), what="the file is not UTF-8 text", fix="Save it as UTF-8"
                )
            )
            return None
        except tomllib.TOMLDecodeError as error:
            what, line = syntax_problem(error)
            what = f"this is not TOML: {what[:1].lower()}{what[1:]}"
            self._findings.append(
                Finding(
                    rule=RULE, where=where(name, line, ()), what=what, fix="Mend the line; text and ids stand in quotes"
                )
            )
            return None
        self._places[name] = Places(content.decode("utf-8-sig"))
        self._digest.update(json.dumps([name, document], sort_keys=True, default=str).encode())
        return document

    def _valid(self, model: type[Model], name: str, document: Mapping[str, Any], folder: Path) -> Model | None:
        try:
            return model.model_validate(document, context={"folder": folder})
        except ValidationError as error:
            for path, what, fix in mistakes(error, model):
                self._find(name, path, what, fix)
            return None

    def _unreadable(self, name: str, section: BaseModel | None, path: KeyPath, fix: str) -> None:
        """Secrets and certificates that a section refers to, and that can't be read at present."""
        for place, reference in _references(section, path):
            if problem := reference.problem():
                self._find(name, place, problem, fix)

    def _tell(self, found: Iterable[agreement.Mistake]) -> None:
        for each in found:
            self._find(each.file, each.path, each.what, each.fix)

    def _find(self, name: str, path: KeyPath, what: str, fix: str) -> None:
        line = self._places[name].line(path) if name in self._places else 0
        self._findings.append(Finding(rule=RULE, where=where(name, line, path), what=what, fix=fix))


def _references(part: object, path: KeyPath) -> Iterator[tuple[KeyPath, Secret | CertificateSource]]:
    if isinstance(part, Secret | CertificateSource):
        yield path, part
    elif isinstance(part, BaseModel):
        for name, field in type(part).model_fields.items():
            yield from _references(getattr(part, name), (*path, field.alias or name))
    elif isinstance(part, tuple):
        for position, each in enumerate(part):
            yield from _references(each, (*path, position))


def _toml_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.toml") if not file.name.startswith(("_", ".")))


def _tidy(path: Path) -> Path:
    return Path(os.path.normpath(path))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
