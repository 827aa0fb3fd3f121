"""Coverage of a subject's own code, by coverage.py: which lines no check reached.

A plugin's file or package is measured as it runs on the engine; of a host, the
project's own modules that run in this process. What runs in a process of its own,
a host's workers say, is not seen.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hot_reload.hooks import TABLE
from hot_reload.manifest import ROLE_METHOD
from hot_reload_conformance.report.unreached import Unreached
from hot_reload_conformance.subject import PluginUnderTest

if TYPE_CHECKING:
    from hot_reload_conformance.bench.judge import Subject

Lines = dict[str, list[int]]
"""File → the lines in it that were reached. Plain data: it crosses processes."""

MISSING = (
    "--hot-reload-coverage needs coverage.py, which is not installed here: "
    "pip install 'pytest-hot-reload[coverage]'"
)
_CALLED_BY_HOSTS = frozenset(
    {"__init__", *(name for hook in TABLE for name in hook.names), *ROLE_METHOD.values()}
)
_NOT_OWN = ("*/site-packages/*", "*/dist-packages/*", "*/conftest.py", "*/test_*.py")


def installed() -> bool:
    """Whether coverage.py is there."""
    try:
        import coverage
    except ImportError:
        return False
    return bool(coverage.__version__)


@contextlib.contextmanager
def measured(subject: Subject, root: Path) -> Iterator[Lines]:
    """Measure ``subject`` while the block runs; its lines are there once it has ended."""
    found: Lines = {}
    if isinstance(subject, PluginUnderTest):
        tool = _tool(include=[str(each) for each in own_files(subject)])
    else:
        tool = _tool(source=[str(root)], omit=list(_NOT_OWN))
    tool.start()
    try:
        yield found
    finally:
        tool.stop()
        data = tool.get_data()
        for file in data.measured_files():
            found[file] = sorted(data.lines(file) or ())


def own_files(subject: PluginUnderTest) -> list[Path]:
    """A plugin's file, or those of its package."""
    path = subject.path.resolve()
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _tool(**what: Any) -> Any:
    import coverage

    # The project's own configuration is about its tests. Tracing, and not sys.monitoring:
    # a run under the user's own coverage.py keeps what that measures elsewhere.
    tool = coverage.Coverage(data_file=None, config_file=False, messages=False, **what)
    tool.set_option("run:core", "ctrace")
    tool.set_option("run:disable_warnings", ["no-data-collected", "module-not-measured"])
    return tool


@dataclass(frozen=True, slots=True)
class _Function:
    name: str
    hook: bool
    first: int
    last: int


def unreached(
    subject: str, plugin: bool, reached: Mapping[str, Iterable[int]], root: Path
) -> list[Unreached]:
    """What no check reached of the files in ``reached``, function by function.

    Of a host's modules only functions count: their own lines ran as they were imported.
    """
    import coverage

    found: list[Unreached] = []
    for file in sorted(reached):
        tool = _tool()
        tool.get_data().add_lines({file: reached[file]})
        try:
            _, statements, _, missing, _ = tool.analysis2(file)
            functions = _functions(Path(file))
        except (coverage.CoverageException, OSError, SyntaxError, ValueError):
            continue  # it is gone, or is no Python: the verdicts tell of that
        of: dict[_Function | None, list[int]] = {}
        for number in statements:
            of.setdefault(_innermost(functions, number), []).append(number)
        for function, numbers in of.items():
            if function is None and not plugin:
                continue
            found.append(
                Unreached(
                    subject=subject,
                    file=_shown(Path(file), root),
                    function=function.name if function else "",
                    hook=plugin and function is not None and function.hook,
                    lines=tuple(each for each in numbers if each in set(missing)),
                    of=len(numbers),
                )
            )
    return found


def _innermost(functions: list[_Function], number: int) -> _Function | None:
    around = [each for each in functions if each.first <= number <= each.last]
    return max(around, key=lambda each: each.first, default=None)


def _functions(path: Path) -> list[_Function]:
    """Every function of the file, by the lines of its body: the ``def`` is its owner's."""

    def below(node: ast.AST, names: tuple[str, ...], in_class: bool) -> Iterator[_Function]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                hook = in_class and child.name in _CALLED_BY_HOSTS
                name = ".".join((*names, child.name))
                yield _Function(name, hook, child.body[0].lineno, child.end_lineno or child.lineno)
                yield from below(child, (*names, child.name), False)
            elif isinstance(child, ast.ClassDef):
                yield from below(child, (*names, child.name), True)
            else:
                yield from below(child, names, in_class)

    return list(below(ast.parse(path.read_bytes()), (), False))


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
