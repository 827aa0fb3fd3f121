"""The documents are run: every titled block is written, every command gives what is promised.

What a document may hold, and what is done with it, from top to bottom, in one empty
folder for the document:

- ```` ```python title="plugin.py" ```` (or another language): the file is written;
- ```` ```diff title="plugin.py" ````: the file is changed; what is taken out must stand
  there once;
- ```` ```console ````: each line that begins with ``$ `` is run. The lines below it must
  come in its output, in this order; ``…`` stands for any text, also for lines. It ends with
  status 0, unless ``$ echo $?`` and another number follow;
- ```` ```sh ````: not run here; each such block must be known to what does run it;
- ```` ```text ```` and ```` ```toml ```` without a title: shown, not run.

A ``python`` block without a title is refused: nothing would run it.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")])

RUN_ELSEWHERE = {
    "README.md": ".ci/run takes them from there",
    "CONTRIBUTING.md": ".ci/run runs the same",
    "docs/tutorial/first-plugin.md": "tests/installation",
    "docs/how-to/gate-ci.md": "a CI service, on a user's repository",
}
"""Documents that may have ``sh`` blocks, and who runs them."""

NOT_WALKED = {
    "docs/reference/hosts.md": "generated; its command installs third-party hosts",
}
"""Documents whose commands no test runs, and why."""

COMMAND_SECONDS = 120
_FENCE = re.compile(r"^(?P<ticks>`{3,})(?P<language>[\w-]*)(?P<rest>.*)$")
_TITLE = re.compile(r'title="(?P<title>[^"]+)"')


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block. ``line`` is that of its first line of text."""

    language: str
    title: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a console block, what it has to print, and the status it has to end with."""

    line: int
    words: str
    printed: tuple[str, ...]
    status: int


def blocks(document: str) -> Iterator[Block]:
    """The fenced blocks of ``document``, in order."""
    lines = document.splitlines()
    number = 0
    while number < len(lines):
        fence = _FENCE.match(lines[number])
        number += 1
        if fence is None:
            continue
        start = number
        while lines[number] != fence["ticks"]:
            number += 1
        title = _TITLE.search(fence["rest"])
        yield Block(
            fence["language"],
            title["title"] if title else "",
            "\n".join(lines[start:number]) + "\n",
            start + 1,
        )
        number += 1


def commands(block: Block) -> list[Command]:
    """The commands of a console block."""
    found: list[Command] = []
    for number, text in enumerate(block.text.splitlines(), start=block.line):
        if text.startswith("$ "):
            found.append(Command(number, text[2:], (), 0))
        elif text.strip():
            last = found.pop()
            found.append(Command(last.line, last.words, (*last.printed, text), last.status))
    statuses: list[Command] = []
    for each in found:
        if each.words == "echo $?":
            last = statuses.pop()
            statuses.append(Command(last.line, last.words, last.printed, int(each.printed[0])))
        else:
            statuses.append(each)
    return statuses


def changed(text: str, diff: str) -> str:
    """``text`` with a diff block applied: all of it is one hunk, and stands there once."""
    old = "".join(f"{each[1:]}\n" for each in diff.splitlines() if not each.startswith("+"))
    new = "".join(f"{each[1:]}\n" for each in diff.splitlines() if not each.startswith("-"))
    assert text.count(old) == 1, f"this stands {text.count(old)} times in the file:\n{old}"
    return text.replace(old, new)


def missing(promised: tuple[str, ...], printed: str) -> str | None:
    """The first promised line that does not come after those before it; None: all do."""
    rest = [" ".join(each.split()) for each in printed.splitlines()]
    for line in promised:
        wanted = " ".join(line.split())
        if wanted == "…":
            continue
        parts = re.compile(".*".join(re.escape(part.strip()) for part in wanted.split("…")))
        place = next((n for n, each in enumerate(rest) if parts.search(each)), None)
        if place is None:
            return line
        del rest[: place + 1]
    return None


def run(command: Command, folder: Path) -> None:
    """Run ``command`` in ``folder`` as a user would in a shell, and hold it to its promise."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "COV_CORE_", "COVERAGE_"))
    }
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment["COLUMNS"] = "80"
    ended = subprocess.run(
        shlex.split(command.words),
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=COMMAND_SECONDS,
        check=False,
    )
    told = f"line {command.line}: $ {command.words}\n{ended.stdout}"
    assert ended.returncode == command.status, f"status {ended.returncode}, {told}"
    absent = missing(command.printed, ended.stdout)
    assert absent is None, f"not printed, or not in this order: {absent!r}\n{told}"


def walk(document: str, folder: Path) -> int:
    """Do all that ``document`` says; how many commands it had."""
    count = 0
    for block in blocks(document):
        if block.language == "console":
            for command in commands(block):
                run(command, folder)
                count += 1
        elif block.title:
            file = folder / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            if block.language == "diff":
                file.write_text(changed(file.read_text("utf-8"), block.text), "utf-8")
            else:
                file.write_text(block.text, "utf-8")
    return count


def name(document: Path) -> str:
    return document.relative_to(REPOSITORY).as_posix()


def _has_something_to_run(document: Path) -> bool:
    if name(document) in NOT_WALKED:
        return False
    found = blocks(document.read_text("utf-8"))
    return any(block.language == "console" or block.title for block in found)


@pytest.mark.parametrize("document", [*filter(_has_something_to_run, DOCUMENTS)], ids=name)
def test_the_document_is_true(document: Path, tmp_path: Path) -> None:
    assert walk(document.read_text("utf-8"), tmp_path), "files, and no command that uses them"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_block_is_run_by_someone(document: Path) -> None:
    text = document.read_text("utf-8")
    for block in blocks(text):
        where = f"{name(document)}:{block.line}"
        if block.language == "python":
            assert block.title, f"{where}: a python block without a title: nothing runs it"
        if block.language == "sh":
            assert name(document) in RUN_ELSEWHERE, f"{where}: who runs this sh block?"
        if block.title.endswith(".py") and block.language == "python":
            assert _is_used(Path(block.title), text), f"{where}: nothing uses {block.title}"


def _is_used(file: Path, text: str) -> bool:
    """A command names it, or another file imports it, or it is always looked for."""
    if file.name == "conftest.py" or file.parts[0] == "plugins":
        return True
    imported = rf"^(from|import) {re.escape(file.stem)}\b"
    return any(
        (block.language == "console" and file.name in block.text)
        or (block.language in ("python", "toml") and re.search(imported, block.text, re.M))
        for block in blocks(text)
    )


# The walk itself: each rule with a document that breaks it.

WRONG = {
    "status": ("```console\n$ python -c 'raise SystemExit(3)'\n```\n", "status 3"),
    "promised status": ("```console\n$ python -c ''\n$ echo $?\n1\n```\n", "status 0"),
    "output": ("```console\n$ python -c 'print(1)'\n2\n```\n", "not printed"),
    "order": ("```console\n$ python -c 'print(1); print(2)'\n2\n1\n```\n", "order: '1'"),
    "diff": ('```text title="a"\nx\n```\n```diff title="a"\n-y\n+z\n```\n', "stands 0 times"),
}


@pytest.mark.parametrize(("document", "says"), WRONG.values(), ids=WRONG)
def test_an_untrue_document_is_caught(document: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=re.escape(says)):
        walk(document, tmp_path)


def test_a_true_document_passes(tmp_path: Path) -> None:
    document = (
        '```python title="a.py"\nprint(1)\nprint(2)\n```\n'
        '```diff title="a.py"\n print(1)\n-print(2)\n+raise SystemExit(4)\n```\n'
        "```console\n$ python a.py\n…\n1\n$ echo $?\n4\n"
        "$ python -c 'print(\"3 passed in 2 s\")'\n… passed in … s\n```\n"
    )
    assert walk(document, tmp_path) == 2
