"""The pytest plugin: options and a marker. Everything else is imported when the flag is given."""

from __future__ import annotations

import pytest

_MARKER = (
    "hot_reload(code, level, profile, kind): a check of the reload contract; "
    "choose by -m \"hot_reload(level='MUST')\""
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
        "--hot-reload-report", metavar="FILE", default=None, help="write the report as JSON to FILE"
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
    elif config.getoption("hot_reload_replay") is not None:
        raise pytest.UsageError("--hot-reload-replay needs --hot-reload-conformance beside it")
