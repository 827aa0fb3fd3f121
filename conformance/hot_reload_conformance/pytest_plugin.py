"""The pytest plugin: options and a marker. Everything else is imported when the flag is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hot_reload_conformance.simulation.checking import Checking

_MARKER = (
    "hot_reload(code, level, profile, kind): a check of the reload contract; "
    "choose by -m \"hot_reload(level='MUST')\""
)

_NEED_THE_FLAG = (
    "--hot-reload-replay",
    "--hot-reload-shard",
    "--hot-reload-durations",
    "--hot-reload-database",
    "--hot-reload-write-tests",
    "--hot-reload-coverage",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("hot-reload", "the reload contract")
    group.addoption(
        "--hot-reload-conformance",
        action="store_true",
        help="check plugins and hosts (paths, [tool.hot-reload], plugins/) and run no tests",
    )
    group.addoption(
        "--hot-reload-profile",
        choices=("quick", "ci", "nightly"),
        default=None,
        help="how much to spend on it (default: quick)",
    )
    group.addoption(
        "--hot-reload-report",
        metavar="FILE",
        action="append",
        default=[],
        help="write the report to FILE: .json, or a page, .html (may be repeated)",
    )
    group.addoption(
        "--hot-reload-explain",
        metavar="CODE",
        default=None,
        help="say what a clause of the contract asks for, and end",
    )
    group.addoption(
        "--hot-reload-replay",
        metavar="CODE=SCRIPT",
        default=None,
        help="run only this again, as a failure's last line says",
    )
    group.addoption(
        "--hot-reload-shard",
        metavar="N/OF",
        default=None,
        help="run one part of the checks: 2/8 is the second of eight",
    )
    group.addoption(
        "--hot-reload-durations",
        metavar="REPORT",
        default=None,
        help="balance shards by the durations in this JSON report",
    )
    group.addoption(
        "--hot-reload-database",
        metavar="WHERE",
        action="append",
        default=[],
        help="begin with failing examples kept there: a folder or redis:// (may be repeated)",
    )
    group.addoption(
        "--hot-reload-write-tests",
        metavar="DIR",
        nargs="?",
        const="tests/contract",
        default=None,
        help="write a test file for each failure (default: tests/contract)",
    )
    group.addoption(
        "--hot-reload-coverage",
        action="store_true",
        help="say which lines of a subject's own code no check reached",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    name = config.getoption("hot_reload_explain")
    if name is None:
        return None
    from hot_reload_conformance.contract.document import explain

    try:
        print(explain(name))
    except LookupError as error:
        raise pytest.UsageError(f"--hot-reload-explain: {error.args[0]}") from error
    return 0


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)
    if config.getoption("hot_reload_conformance"):
        from hot_reload_conformance.suite.session import register

        register(config)
        return
    for name in _NEED_THE_FLAG:
        if config.getoption(name.lstrip("-").replace("-", "_")):
            raise pytest.UsageError(f"{name} needs --hot-reload-conformance beside it")


@pytest.fixture
def hot_reload_simulation() -> Checking:
    """Deterministic simulation: ``hot_reload_simulation.check(MyAdapter)``, in plain tests."""
    from hot_reload_conformance.simulation.checking import Checking

    return Checking()
