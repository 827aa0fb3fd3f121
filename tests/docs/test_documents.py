"""What the documents name is there: files, options, keys, modules, names, clauses, numbers."""

from __future__ import annotations

import dataclasses
import importlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import click
import pytest

from hot_reload import Settings, WatchSettings
from hot_reload_conformance.adapter import Claim
from hot_reload_conformance.check import all_checks, host_checks
from hot_reload_conformance.command import main
from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.contract.document import contract_markdown

REPOSITORY = Path(__file__).resolve().parent.parent.parent
WRITTEN = sorted(
    [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("tests/*.md")]
)
ROOTS = {
    "src": "hot_reload",
    "fixtures": "hot_reload_fixtures",
    "conformance": "hot_reload_conformance",
}

_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
_CLAUSE = re.compile(r"\bHR-[A-Z]+-\d\d\b")
_CODE = re.compile(r"`(?P<code>[^`\n]+)`")
_DOTTED = re.compile(r"^(?:hot_reload|hot_reload_fixtures|hot_reload_conformance)(?:\.\w+)+$")
ENTRY_POINT_GROUP = "hot_reload.plugins"
_PATH = re.compile(r"^(?:src|fixtures|conformance|tests|docs|\.ci)/[\w./*-]*$")


def name(document: Path) -> str:
    return document.relative_to(REPOSITORY).as_posix()


def prose(document: Path) -> str:
    """The text of ``document`` without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", document.read_text("utf-8"), flags=re.M | re.S)


def anchors(document: Path) -> set[str]:
    """The anchors of the headings of ``document``, as forges make them."""
    heads = re.findall(r"^#+ (.+)$", prose(document), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("document", WRITTEN, ids=name)
def test_links_lead_somewhere(document: Path) -> None:
    for found in _LINK.finditer(prose(document)):
        target, _, anchor = found["target"].partition("#")
        if target.startswith(("https://", "mailto:")):
            continue
        file = (document.parent / target) if target else document
        assert file.exists(), f"{name(document)} links to {target}, which is not there"
        assert file.resolve().is_relative_to(REPOSITORY), f"{target} leads out of the repository"
        if anchor:
            assert anchor in anchors(file), f"{name(document)}: {target} has no #{anchor}"


def test_every_document_is_linked() -> None:
    """From the README, over any number of links."""
    reached: set[Path] = set()
    waiting = [REPOSITORY / "README.md"]
    while waiting:
        document = waiting.pop()
        if document in reached or document.suffix != ".md":
            continue
        reached.add(document)
        for found in _LINK.finditer(prose(document)):
            target = found["target"].partition("#")[0]
            if target and not target.startswith("http"):
                waiting.append((document.parent / target).resolve())
    assert [name(each) for each in WRITTEN if each not in reached] == []


def test_every_page_is_two_clicks_from_the_readme() -> None:
    """The index names each page itself; a single decision is reached from the list of them."""
    index = REPOSITORY / "docs/README.md"
    linked = {
        (index.parent / found["target"].partition("#")[0]).resolve()
        for found in _LINK.finditer(prose(index))
    }
    pages = {
        page for page in REPOSITORY.glob("docs/**/*.md") if page.parent.name != "decisions"
    } - {index}
    assert [name(each) for each in sorted(pages - linked)] == []
    assert "(docs/README.md)" in (REPOSITORY / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def options(pytestconfig: pytest.Config) -> set[str]:
    """Every option that pytest and the console command have here."""
    parser = pytestconfig._parser
    known = {
        option
        for group in [*parser._groups, parser._anonymous]
        for each in group.options
        for option in each.names()
    }
    assert isinstance(main, click.Group)
    waiting: list[click.Command] = [main]
    while waiting:
        command = waiting.pop()
        if isinstance(command, click.Group):
            waiting += command.commands.values()
        for parameter in command.params:
            known |= {*parameter.opts, *parameter.secondary_opts}
    return known | {"--help", "--version"}


OTHERS_OPTIONS = {"--check", "--reload", "--lf", "--refresh"}
OTHERS_OPTIONS |= {"--scale", "--reloads", "--events", "--producers", "--count", "--first-arrivals"}
"""Options of ruff, of uvicorn, of a part of pytest that can be switched off, of
``python -m hot_reload_conformance.hosts``, and of the benchmarks and the campaign."""


@pytest.mark.parametrize("document", WRITTEN, ids=name)
def test_options_exist(document: Path, options: set[str]) -> None:
    named = set(_OPTION.findall(document.read_text("utf-8")))
    assert named - options - OTHERS_OPTIONS == set()


def test_every_option_of_ours_has_its_place(options: set[str]) -> None:
    reference = (REPOSITORY / "docs/reference/command-line.md").read_text("utf-8")
    ours = {each for each in options if each.startswith("--hot-reload")}
    assert ours
    assert {each for each in ours if f"`{each}" not in reference} == set()


@pytest.mark.parametrize("document", WRITTEN, ids=name)
def test_named_code_exists(document: Path) -> None:
    for found in _CODE.finditer(document.read_text("utf-8")):
        code = found["code"].rstrip("()")
        if _DOTTED.match(code) and code != ENTRY_POINT_GROUP:
            assert _exists(code), f"{name(document)} names {code}, which is not there"
        elif _PATH.match(code) and "*" not in code:
            file = REPOSITORY / code
            assert file.exists(), f"{name(document)} names {code}, which is not there"


def _exists(dotted: str) -> bool:
    """Whether a module, or a name in one, goes by ``dotted``."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            thing: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(thing, part):
                fields = getattr(thing, "__annotations__", {})
                return part in fields and part == parts[-1]
            thing = getattr(thing, part)
        return True
    return False


MISSPELT = {"HR-PLUG-77", "HR-STATE-99"}
"""Clauses that documents name to show what is said of a wrong name."""


@pytest.mark.parametrize("document", WRITTEN, ids=name)
def test_named_clauses_exist(document: Path) -> None:
    named = set(_CLAUSE.findall(document.read_text("utf-8")))
    assert named - CONTRACT.keys() - MISSPELT == set()


def test_the_readme_says_what_is_checked() -> None:
    """The table of the README, against the registry of checks."""
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    all_of = Counter(clause.section for clause in CONTRACT.values())
    checked = {check.clause.code for check in all_checks()}
    checked_of = Counter(CONTRACT[code].section for code in checked)
    rows = [f"| {section} | {checked_of[section]} of {all_of[section]} |" for section in all_of]
    assert [row for row in rows if row not in readme] == []


def test_the_smallest_adapter_is_small() -> None:
    """The README counts its lines."""
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    block = re.search(r'```python title="importlib_host.py"\n(.+?)\n```', readme, re.S)
    counted = re.search(r"by an adapter of (\d+) lines", readme)
    assert block is not None
    assert counted is not None
    assert sum(bool(line.strip()) for line in block[1].splitlines()) == int(counted[1]) < 25


@pytest.mark.parametrize("settings", [Settings, WatchSettings])
def test_every_setting_has_its_row(settings: type[Settings] | type[WatchSettings]) -> None:
    page = (REPOSITORY / "docs/reference/engine-configuration.md").read_text("utf-8")
    for each in dataclasses.fields(settings):
        default: Any = getattr(settings(), each.name)
        default = list(default) if isinstance(default, tuple) else default
        if each.name == "quiet_seconds":
            row = rf"\| `debounce_ms` \| .* \| `{default * 1000:g}` \|"
        elif default is None:
            row = rf"\| `{each.name}` \| .* \| .* \|"
        else:
            row = rf"\| `{each.name}` \| .* \| `{re.escape(json.dumps(default))}` \|"
        assert re.search(row, page), row


def test_claims_are_explained() -> None:
    guide = (REPOSITORY / "docs/how-to/write-an-adapter.md").read_text("utf-8")
    needed = {claim for check in host_checks() for claim in check.needs}
    assert {claim.value for claim in needed if f"`{claim.value}`" not in guide} == set()
    named = set(re.findall(r"^\| `([a-z-]+)` \|", guide, re.M))
    assert named - {claim.value for claim in Claim} == set()


def test_the_contract_is_the_registry_s() -> None:
    """Made anew by ``hot-reload contract --markdown``, into this file."""
    assert (REPOSITORY / "docs/reference/contract.md").read_text("utf-8") == contract_markdown()


def test_decisions_have_one_shape() -> None:
    decisions = sorted((REPOSITORY / "docs/explanation/decisions").glob("0*.md"))
    numbers = [int(each.name[:4]) for each in decisions]
    assert numbers == list(range(1, len(decisions) + 1))
    for each in decisions:
        heads = re.findall(r"^## (.+)$", each.read_text("utf-8"), re.M)
        assert heads == ["Problem", "Goals", "Choices", "Decision"], name(each)


def test_the_version_is_in_the_changelog() -> None:
    project = (REPOSITORY / "pyproject.toml").read_text("utf-8")
    found = re.search(r'^version = "(.+)"$', project, re.M)
    assert found is not None
    assert f"\n## [{found[1]}]" in (REPOSITORY / "CHANGELOG.md").read_text("utf-8")
