"""The form in which a report is written: the ending of its file's name says which."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from hot_reload_conformance.report.json import write_json
from hot_reload_conformance.report.page import MISSING, write_page
from hot_reload_conformance.report.summary import Report

JSON = ("", ".json")
PAGE = (".html", ".htm")


class FormError(ValueError):
    """A report cannot be written there, or not so; the text says what to write instead."""


def checked(path: Path, given: str) -> Path:
    """``path``, if a report can be written there. ``given``: as the user named it.

    To be asked before a run: afterwards it would be too late to find out.

    Raises:
        FormError: it is a folder, its ending names no form, or Jinja2 is missing for a page.
    """
    if path.is_dir():
        raise FormError(f"{given} is a folder: name a file in it, {Path(given) / 'report.json'}")
    if path.suffix not in (*JSON, *PAGE):
        xml = "; JUnit XML is written by --junitxml" if path.suffix == ".xml" else ""
        raise FormError(
            f"{given} ends in {path.suffix}, and reports are written as JSON or as a page: name it "
            f"{Path(given).with_suffix('.json')} or {Path(given).with_suffix('.html')}{xml}"
        )
    if path.suffix in PAGE and importlib.util.find_spec("jinja2") is None:
        raise FormError(f"{given}: {MISSING}")
    return path


def write(report: Report, path: Path) -> None:
    """Write ``report`` in the form that ``path`` names, its folder made where it is missing.

    Raises:
        OSError: it cannot be written.
    """
    if path.suffix in PAGE:
        write_page(report, path)
    else:
        write_json(report, path)
