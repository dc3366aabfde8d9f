"""Python that is made from a map: its text, and the names that the text knows."""

import linecache
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any

INDENT = "    "


class Text:
    """Lines of Python under their blocks."""

    def __init__(self, depth: int = 0) -> None:
        self.lines: list[str] = []
        self.depth = depth

    def add(self, *lines: str) -> None:
        self.lines += (INDENT * self.depth + line for line in lines)

    def inner(self) -> "Text":
        """A text of the same depth, to be put in with ``take`` once what stands before it is known."""
        return Text(self.depth)

    def take(self, other: "Text") -> None:
        self.lines += other.lines

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """A statement with a body; an empty body passes."""
        self.add(f"{head}:")
        before = len(self.lines)
        self.depth += 1
        yield
        if len(self.lines) == before:
            self.add("pass")
        self.depth -= 1


class Module:
    """The functions made for one direction of a map, and the objects that they name."""

    def __init__(self, name: str, helpers: dict[str, Any]) -> None:
        self.name = name
        self.known: dict[str, Any] = dict(helpers)
        self.functions: list[Text] = []
        self._names: dict[int, str] = {}
        self._counts: dict[str, int] = {}
        self._code: CodeType | None = None

    def fresh(self, hint: str) -> str:
        """A name that nothing has yet."""
        hint = "".join(each if each.isalnum() else "_" for each in hint)
        self._counts[hint] = count = self._counts.get(hint, 0) + 1
        return f"{hint}_{count}"

    def name_of(self, value: Any, hint: str) -> str:
        """How the text says this object: as a literal where it can, else by a name."""
        if value is None or value == () or isinstance(value, bool | int) or type(value) is str:
            return repr(value)
        if id(value) not in self._names:
            name = self.fresh(hint.upper())
            self._names[id(value)] = name
            self.known[name] = value
        return self._names[id(value)]

    def function(self, head: str) -> Text:
        """A new function's text, to which its body is added."""
        text = Text()
        text.add(f"def {head}:")
        text.depth = 1
        self.functions.append(text)
        return text

    @property
    def source(self) -> str:
        return "\n\n\n".join("\n".join(each.lines) for each in self.functions) + "\n"

    def run(self, **known: Any) -> dict[str, Any]:
        """A namespace with the functions in it, which know these objects, too."""
        if self._code is None:
            file, source = f"<map {self.name}>", self.source
            linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)  # for tracebacks
            self._code = compile(source, file, "exec")
        space = {**self.known, **known}
        exec(self._code, space)
        return space
