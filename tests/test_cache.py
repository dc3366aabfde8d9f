"""What is kept of guides: a warm start reads no XML and imports no pyx12, and a broken file is no harm."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from gateway.errors import Finding, GatewayError
from gateway.x12 import cache, guide, nodes, registry, source
from gateway.x12.nodes import LoopNode
from gateway.x12.validate import check

NAME = "999.5010X231.A1.xml"

# Examines a whole set, then names what was loaded that a warm start has no use for.
WARM = """
import sys
sys.modules["pyx12"] = None  # An import of it, or of a part of it, fails.
from xml.etree import ElementTree
ElementTree.parse = ElementTree.iterparse = ElementTree.XMLParser = None
from importlib import util
util.find_spec = lambda name, found=util.find_spec: FOUND if name == "pyx12" else found(name)
from gateway.x12 import guide, registry
for name in registry.names():
    guide.load(name)
guide.envelope_names()
print(sum(len(guide.load(name).compiled.places) for name in registry.names()))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GATEWAY_CACHE", str(tmp_path / "guides"))
    return tmp_path / "guides"


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the guides that are read from XML from now on."""
    names: list[str] = []
    read: Callable[..., LoopNode] = source.read

    def counted(name: str, top: str = nodes.ROOT) -> LoopNode:
        names.append(name)
        return read(name, top)

    monkeypatch.setattr(source, "read", counted)
    return names


@pytest.mark.parametrize("name", registry.names())
def test_what_is_kept_is_what_was_read(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, read = cache.load(name), _counted(monkeypatch)
    assert cache.load(name) == first
    assert not read
    assert nodes.tree(json.loads(json.dumps(nodes.plain(first)))) == first


def test_a_warm_start_reads_no_xml_and_imports_no_pyx12(tmp_path: Path) -> None:
    for name in registry.names():
        cache.load(name)
    cache.load(source.CONTROL, source.ENVELOPE)
    origin = find_spec("pyx12")
    assert origin is not None
    program = WARM.replace("FOUND", f"util.spec_from_file_location('pyx12', {origin.origin!r})")
    environment = {**os.environ, "GATEWAY_CACHE": str(cache.folder())}
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, cwd=_checkout()
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 500


def _checkout() -> Path:
    return Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    "content", [b"", b"[", b"[]", b"{}", b"null", b"7", b'["ST_LOOP","","R",1,1,[["segment"]]]', b"\xff\xfe", b'"text"']
)
def test_a_broken_file_is_read_anew_and_mended(content: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cache.load(NAME)
    (kept,) = folder.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(content)
    read = _counted(monkeypatch)
    assert cache.load(NAME) == first
    assert read == [NAME]
    assert kept.read_bytes() == whole


@pytest.mark.parametrize("cut", [1, 2, 3, 10, 1000])
def test_a_file_that_was_cut_is_read_anew(cut: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cache.load(NAME)
    (kept,) = folder.iterdir()
    kept.write_bytes(kept.read_bytes()[:-cut])
    read = _counted(monkeypatch)
    assert cache.load(NAME) == first
    assert read == [NAME]


@pytest.mark.parametrize("at", [0.2, 0.5, 0.9])
def test_a_file_of_which_one_character_changed_is_read_anew(
    at: float, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A digit of a length, or a letter of a code, would else be believed."""
    first = cache.load(NAME)
    (kept,) = folder.iterdir()
    content = bytearray(kept.read_bytes())
    place = next(each for each in range(int(len(content) * at), len(content)) if chr(content[each]).isalnum())
    content[place] = ord("Q") if content[place] != ord("Q") else ord("W")
    kept.write_bytes(content)
    read = _counted(monkeypatch)
    assert cache.load(NAME) == first
    assert read == [NAME]


def test_where_nothing_can_be_kept_guides_are_read_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way of the folder")
    monkeypatch.setenv("GATEWAY_CACHE", str(tmp_path / "file" / "guides"))
    read = _counted(monkeypatch)
    assert cache.load(NAME) == cache.load(NAME)
    assert read == [NAME, NAME]


def test_a_user_without_a_home_has_no_cache_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("there is no home")

    monkeypatch.delenv("GATEWAY_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    read = _counted(monkeypatch)
    assert cache.load(NAME) == cache.load(NAME)
    assert read == [NAME, NAME]


def test_nothing_is_left_beside_what_is_kept(folder: Path) -> None:
    cache.load(NAME)
    (kept,) = folder.iterdir()
    assert kept.name.startswith("999.5010X231.A1.ST_LOOP.")
    assert folder.stat().st_mode & 0o077 == 0


def test_what_a_guide_depends_on_is_in_the_name_of_its_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guide, its lists, its corrections and the form: a change of any is another file."""
    files = source.files(NAME)
    assert len(files) == 4, "the guide, codes, elements and corrections"
    cache.load(NAME)
    for number, changed in enumerate(files):
        other = tmp_path / f"{number}-{changed.name}"
        other.write_bytes(changed.read_bytes() + b"\n")
        here = [other if each == changed else each for each in files]
        monkeypatch.setattr(source, "files", lambda name, here=here: here)
        cache.load(NAME)
    assert len(list(folder.iterdir())) == 5
    monkeypatch.setattr(cache, "FORM", cache.FORM + 1)
    cache.load(NAME)
    assert len(list(folder.iterdir())) == 6


def test_an_unknown_guide_is_refused_and_not_kept(folder: Path) -> None:
    with pytest.raises(GatewayError):
        cache.load("no-such-guide.xml")
    assert not folder.exists()


def test_reading_a_document_keeps_nothing_of_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guide, "_loaded", {})
    isa = b"ISA*00*          *00*          *ZZ*A              *ZZ*B              *260302*1200*^*00501*000000001*0*T*:~"
    body = b"GS*FA*A*B*20260302*1200*1*X*005010X231A1~ST*999*QUINCE9*005010X231A1~AK1*HC*QUINCE*QUINCE~"
    findings = [each for each in check([isa + body]) if isinstance(each, Finding)]
    assert findings
    kept = [each.read_bytes() for each in folder.iterdir()]
    assert kept
    assert not any(b"QUINCE" in each for each in kept)
