"""Failures kept as test files in the user's repository, for ``--hot-reload-write-tests``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hot_reload_conformance.report.regression import file_name, regression_test
from hot_reload_conformance.report.summary import counts_against
from hot_reload_conformance.subjects.resolve import describing_conftest
from hot_reload_conformance.subjects.source import HOST_NAME, SUBJECT_NAME, Source, SourceKind
from hot_reload_conformance.verdict import CheckResult, Verdict

DEFAULT_FOLDER = "tests/contract"


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of the failures, as lines for the report."""

    written: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


def failures(results: Iterable[CheckResult]) -> list[CheckResult]:
    """Those that fail a run and say something of the subject."""
    return [each for each in results if each.verdict is Verdict.FAIL and counts_against(each)]


def keep(
    found: Iterable[tuple[CheckResult, Source]], root: Path, folder: Path, *, profile: str
) -> Kept:
    """Write a test file for each failure; one that is there already is left as it is.

    ``profile``: the one of this run.

    Raises:
        OSError: ``folder`` cannot be written to.
    """
    written: list[Path] = []
    notes: list[str] = []
    for result, source in found:
        obstacle = _obstacle(source, root)
        if obstacle:
            notes.append(f"no test was written for {result.check} on {result.subject}: {obstacle}")
            continue
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / file_name(result)
        if file.exists():
            notes.append(f"{_shown(file, root)} is there already, and was left as it is")
            continue
        text = regression_test(result, source.path, root, folder, profile=profile)
        file.write_text(text, encoding="utf-8")
        written.append(file)
    if written:
        files = ", ".join(_shown(each, root) for each in written)
        again = f"run them by: pytest {_shown(folder, root)}"
        notes[:0] = [f"tests written, which fail until it is mended: {files}", again]
    return Kept(tuple(written), tuple(notes))


def _obstacle(source: Source, root: Path) -> str:
    """Why an ordinary test cannot have this subject; "": it can."""
    if source.label or not source.path.is_relative_to(root):
        return f"it is not in the project ({root})"
    if source.kind is SourceKind.HOST:
        if source.fixture:
            return f"a pytest fixture gives it; make {HOST_NAME} a class or a function"
        return ""
    described = describing_conftest(source, root)
    if described is not None and described[1]:
        return f"a pytest fixture describes it; make {SUBJECT_NAME} a plain object"
    return ""


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
