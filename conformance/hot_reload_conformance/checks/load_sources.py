"""LOAD-01, continued: whatever Python takes for a source file, a host takes, and all of it."""

from __future__ import annotations

import codecs
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec, Reply
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import Variant
from hot_reload_conformance.verdict import NotClaimed

REACHED = "the last line"


@dataclass(frozen=True)
class Source:
    """A way to write a plugin's file. ``write`` makes its bytes of what ``render`` gave.

    Its last line reports ``reports`` to the probe: what Python makes of those bytes.
    """

    how: str
    write: Callable[[str, Callable[[str], str]], bytes]
    """Given the text, and what makes of an expression the line that reports its value."""
    reports: str = REACHED

    async def __call__(self, case: Case) -> None:
        await _taken(case, self)


async def _taken(case: Case, source: Source) -> None:
    spec = PluginSpec()
    versions = ("v1", "v2") if Claim.RELOAD in case.claims else ("v1",)
    for version in versions:
        operation = "load" if version == "v1" else "reload"
        written = spec.at(version)
        _write(case, written, source)
        reply = await (case.load if version == "v1" else case.reload)(spec.ref)
        await _expect_whole(case, written, source, operation, reply)


async def _expect_whole(
    case: Case, spec: PluginSpec, source: Source, operation: str, reply: Reply
) -> None:
    case.expect(
        reply.ok,
        f"a {operation} refuses a good plugin because of how its file is written: {source.how}. "
        f"Python runs it; the host says: {reply.everything or 'nothing'}",
        expected="what Python takes for a source file is taken",
        seen="refused",
    )
    await case.expect_replies(
        [spec.version],
        f"the {operation} of a file with {source.how} said ok, and it does not answer",
    )
    whats = case.recording.whats(spec.name, spec.version)
    ran = [each.removeprefix(_MARK) for each in whats if each.startswith(_MARK)]
    if not ran:
        await _require_report(case)
    case.expect(
        bool(ran),
        f"the {operation} of a file with {source.how} said ok, and its last line never ran: the "
        "host reads, or runs, only part of the file",
        expected="the whole file, up to its last byte",
        seen="its last line was not reached",
    )
    case.expect(
        set(ran) == {source.reports},
        f"the {operation} of a file with {source.how} said ok, and the host made of its text "
        "something else than Python does",
        expected=source.reports,
        seen=", ".join(ran),
    )


async def _require_report(case: Case) -> None:
    """Make sure that a last line can be seen at all in this host.

    Raises:
        NotClaimed: it cannot.
    """
    plain = PluginSpec(name="plain")
    _write(case, plain, _PLAIN)
    await case.load(plain.ref)
    if not any(each.startswith(_MARK) for each in case.recording.whats(plain.name)):
        raise NotClaimed(
            "a file's last line: a line that the kit adds to a rendered plugin does not report"
        )


_MARK = "source: "


def _write(case: Case, spec: PluginSpec, source: Source) -> None:
    """Write ``spec`` so; its mtime is as after any write.

    Raises:
        NotClaimed: the adapter's plugins are no Python, or cannot be written so.
    """

    def report(expression: str) -> str:
        return (
            "__import__('hot_reload_conformance.probe', fromlist=['reach']).reach("
            f"{spec.name!r}, {spec.version!r}, {_MARK!r} + str({expression}))"
        )

    text = next(iter(case.adapter.render(spec).values()))
    main = next(iter(case.write(spec).values()))
    data = source.write(text.rstrip("\n") + "\n", report)
    try:
        compile(data, str(main), "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        raise NotClaimed(f"a file with {source.how}: what render() gives cannot be so") from None
    _replace(main, data)
    case.tell(f"its file has {source.how}")


def _replace(main: Path, data: bytes) -> None:
    stamp = main.stat().st_mtime_ns
    main.write_bytes(data)
    os.utime(main, ns=(stamp, stamp))


# How a file may be written. https://docs.python.org/3/reference/lexical_analysis.html

Report = Callable[[str], str]
_HERE = repr(REACHED)


def _ending(tail: str) -> Callable[[str, Report], bytes]:
    """The reporting line, and ``tail`` behind it instead of a line's end."""
    return lambda text, report: f"{text}{report(_HERE)}{tail}".encode()


def _headed(head: str) -> Callable[[str, Report], bytes]:
    return lambda text, report: f"{head}{text}{report(_HERE)}\n".encode()


def _line_ends(newline: str) -> Callable[[str, Report], bytes]:
    """A text over three lines has five characters, whatever ends the file's lines."""

    def write(text: str, report: Report) -> bytes:
        lines = f"{text}_lines = '''1\n2\n3'''\n{report('len(_lines)')}\n"
        return lines.replace("\n", newline).encode()

    return write


def _encoded(cookie: str, encoding: str, head: str = "") -> Callable[[str, Report], bytes]:
    def write(text: str, report: Report) -> bytes:
        body = text + report(repr("caf\xe9"))
        return f"{head}# -*- coding: {cookie} -*-\n{body}\n".encode(encoding)

    return write


def _marked(cookie: str = "") -> Callable[[str, Report], bytes]:
    def write(text: str, report: Report) -> bytes:
        return codecs.BOM_UTF8 + f"{cookie}{text}{report(repr('café'))}\n".encode()

    return write


def _long(size_bytes: int) -> Callable[[str, Report], bytes]:
    """So much of it in lines that say nothing: cut anywhere, it would still be a source."""

    def write(text: str, report: Report) -> bytes:
        line = "# one more line that says nothing\n"
        return f"{text}{line * (size_bytes // len(line) + 1)}{report(_HERE)}\n".encode()

    return write


def _long_line(text: str, report: Report) -> bytes:
    return f"{text}_long = '{'x' * 70_000}'\n{report('len(_long)')}\n".encode()


def _identifiers(text: str, report: Report) -> bytes:
    # To Python they are one name: identifiers are normalised (NFKC).
    return f"{text}größe_ﬁ = {_HERE}\n{report('größe_fi')}\n".encode()


def _separators(text: str, report: Report) -> bytes:
    """What ``str.splitlines`` takes for line ends, and Python for characters."""
    return f"{text}_text = '\u2028\x85\x0b\x1c'\n{report('len(_text)')}\n".encode()


def _form_feeds(text: str, report: Report) -> bytes:
    return f"\f\n{text}\f\n\f_page = {_HERE}\n\f\n{report('_page')}\n".encode()


def _future(text: str, report: Report) -> bytes:
    function = "def _late(given: of_no_such_name): pass\n"
    annotation = report("_late.__annotations__['given']")
    head = '"""What it is for."""\nfrom __future__ import annotations\n'
    return f"{head}{text}{function}{annotation}\n".encode()


def _no_future(text: str, report: Report) -> bytes:
    if "__future__" in text:
        raise NotClaimed("annotations, and no future import: what render() gives has one")
    function = "def _now(given: int): pass\n"
    return f"{text}{function}{report('_now.__annotations__')}\n".encode()


def _guarded(text: str, report: Report) -> bytes:
    guard = "if __name__ == '__main__':\n    raise SystemExit('it was run as a program')\n"
    return f"{text}{guard}{report(_HERE)}\n".encode()


def _blank(text: str, report: Report) -> bytes:
    return f"\n\n\n# a licence\n\n{text}\n{report(_HERE)}\n\n\t\n   \n".encode()


_PLAIN = Source("nothing unusual", _ending("\n"))

SOURCES: tuple[Source, ...] = (
    Source("no line end at its end", _ending("")),
    Source("comments at its end, and no line end", _ending("\n\n# that is all\n    # of it")),
    Source("blank lines around it", _blank),
    Source("Windows line ends", _line_ends("\r\n"), "5"),
    Source("line ends that are carriage returns", _line_ends("\r"), "5"),
    Source("form feeds between its lines", _form_feeds),
    Source("a byte order mark", _marked(), "café"),
    Source("a byte order mark and an encoding line", _marked("# coding: utf-8\n"), "café"),
    Source("an encoding line for latin-1", _encoded("latin-1", "latin-1"), "café"),
    Source(
        "an encoding line for cp1252 as its second line",
        _encoded("cp1252", "cp1252", "#!/usr/bin/env python3\n"),
        "café",
    ),
    Source("a first line for the shell", _headed("#!/usr/bin/env python3\n")),
    Source("a docstring first", _headed('"""What it is for.\n\nIn short.\n"""\n')),
    Source("a docstring and a future import first", _future, "of_no_such_name"),
    Source("annotations, and no future import", _no_future, "{'given': <class 'int'>}"),
    Source("names that are not ASCII", _identifiers),
    Source("odd separators in a string", _separators, "4"),
    Source("more than 8 KiB", _long(9_000)),
    Source("more than 64 KiB", _long(70_000)),
    Source("more than 256 KiB", _long(270_000)),
    Source("a line of 70,000 characters", _long_line, "70000"),
    Source("a part for when it is run as a program", _guarded),
)


def sources(adapter: type[HostAdapter]) -> Sequence[Variant]:
    """A variant for each of ``SOURCES``; the values are called with the case."""
    return [Variant(f"a file with {each.how}", each) for each in SOURCES]


Judge = Callable[[Case], Awaitable[None]]
