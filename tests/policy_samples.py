"""Policy files as texts: the rows that they are read as, and a configuration that they lie in."""

import tomllib
from pathlib import Path

import pytest

from gateway.errors import SettingsInvalid
from gateway.settings import PolicyRow, Settings
from gateway.settings.policies import PolicyBook, PolicyFile

CHECKOUT = Path(__file__).parent.parent
SAMPLES = CHECKOUT / "trading_partners" / "payers" / "samples"
PARTNERS = "trading_partners"


def book(**files: str) -> PolicyBook:
    """The rows of files of these names, of which every one is valid by itself."""
    read = {f"payers/{name}.toml": PolicyFile.model_validate(tomllib.loads(text)) for name, text in files.items()}
    return PolicyBook.of(read)


def rows(text: str, payer: str = "P1") -> tuple[PolicyRow, ...]:
    """The rows of one payer's file."""
    return book(own=f'payer = "{payer}"\n{text}').rows(payer)


class Configuration:
    """The shipped configuration in a folder of its own, with policy files beside it; its partner serves ``payers``."""

    def __init__(self, folder: Path, *payers: str) -> None:
        self.folder = folder
        self._copy("conf/gateway.toml")
        self._copy(f"{PARTNERS}/payers/simulated.toml")
        served = "".join(f'\n[[payers]]\nid = "{each}"\nname = "PAYER"\n' for each in payers)
        self.write(f"{PARTNERS}/simulated.toml", (CHECKOUT / PARTNERS / "simulated.toml").read_text() + served)

    def _copy(self, name: str) -> None:
        self.write(name, (CHECKOUT / name).read_text())

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def policy(self, name: str, text: str) -> Path:
        return self.write(f"{PARTNERS}/payers/{name}.toml", text)

    @property
    def file(self) -> Path:
        return self.folder / "conf" / "gateway.toml"

    def load(self) -> Settings:
        return Settings.load(self.file)

    def mistakes(self) -> list[str]:
        with pytest.raises(SettingsInvalid) as caught:
            self.load()
        return [str(each) for each in caught.value.findings]
