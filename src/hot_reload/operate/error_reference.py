"""The reference of errors, made from the code: the classes, the stages, the refusals.

``python -m hot_reload.operate.error_reference`` prints it; ``docs/reference/errors.md`` is
what it prints.
"""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Iterator

from hot_reload import errors, outcome
from hot_reload.errors import HotReloadError
from hot_reload.outcome import Outcome, RefusalReason, Stage

STAGES: dict[Stage, tuple[str, str]] = {
    Stage.READ: (
        "the source is read, once",
        "restore the file, its permissions, its size or its link",
    ),
    Stage.SYNTAX: ("every file that it imports is compiled", "correct the line that is named"),
    Stage.IMPORT: (
        "the module's body is run",
        "install what is missing, or correct what the body does",
    ),
    Stage.PLUGIN: ("the plugin is looked for", "leave one plugin in the module"),
    Stage.METADATA: ("what it says of itself is checked", "correct the field that is named"),
    Stage.CONFIG: ("its configuration is checked", "correct the key that is named"),
    Stage.CONSTRUCT: ("the plugin is constructed", "correct the constructor"),
    Stage.SETUP: ("its hook `setup`", "correct the hook, or what it needs"),
    Stage.START: ("its hook `start`", "correct the hook; free the resource that it takes"),
    Stage.CAPTURE: ("the old one's hook `get_reload_state`", "return plain data, in time"),
    Stage.MIGRATE: ("the new one's hook `migrate_state`", "migrate the state of that version"),
    Stage.RESTORE: ("the new one's hook `set_reload_state`", "accept the state of older versions"),
    Stage.ADOPT: ("the new one's hook `adopt_connection`", "take over what is still open"),
    Stage.HEALTH: ("its hook `health_check`", "give it what the check asks for"),
    Stage.ON_RELOAD: ("its hook `on_reload`", "correct the hook"),
    Stage.COMMIT: (
        "the new one is admitted beside the others, and serves from here on",
        "correct its name, roles or dependencies",
    ),
    Stage.DRAIN: (
        "what is inside the old one ends",
        "end calls sooner, or raise `drain_deadline_seconds`",
    ),
    Stage.FLUSH: ("the old one's hook `flush`", "correct the hook in the next version"),
    Stage.STOP: ("a hook `stop`", "correct the hook in the next version"),
    Stage.TEARDOWN: ("a hook `teardown`", "correct the hook in the next version"),
    Stage.RELEASE: (
        "tasks, callbacks and modules of a generation are released",
        "let tasks honour their cancellation",
    ),
}
"""What happens at each stage, and what to do about a failure there."""

_HEAD = """\
# Errors, stages, refusals

Made by `python -m hot_reload.operate.error_reference` from `hot_reload.errors` and
`hot_reload.outcome`.

Operations return outcomes and raise only for misuse. An outcome that is no success names the
plugin, the stage, the cause, its file and line where it has one, and what still runs, by version
and hash. `hot_reload.operate.diagnose.diagnose` looks for the causes of the next failure.
"""


def error_reference() -> str:
    """The whole page, in Markdown, with a newline at its end."""
    return "\n".join((_HEAD, *_tree(), *_classes(), *_outcomes(), *_stages(), *_refusals())) + "\n"


def error_classes() -> tuple[type[HotReloadError], ...]:
    """Every error of ``hot_reload.errors``, in the order of its source."""
    return tuple(
        each
        for each in vars(errors).values()
        if inspect.isclass(each) and issubclass(each, HotReloadError)
    )


def cause_of(error: type[HotReloadError]) -> str:
    """The first sentence or paragraph of its docstring, on one line."""
    return " ".join((inspect.getdoc(error) or "").partition("\n\n")[0].split())


def _tree() -> Iterator[str]:
    drawing = inspect.cleandoc(errors.__doc__ or "").partition("::\n")[2]
    lines = [line for line in drawing.splitlines() if line.startswith("    ")]
    yield "## The tree\n"
    yield "```text"
    yield from (line[4:].rstrip() for line in lines)
    yield "```\n"


def _classes() -> Iterator[str]:
    yield "## Classes\n"
    yield "| error | cause | cure |"
    yield "|---|---|---|"
    for each in error_classes():
        yield f"| `{each.__name__}` | {_cell(cause_of(each))} | {_cell(each.cure)} |"
    yield ""


def _outcomes() -> Iterator[str]:
    yield "## Outcomes\n"
    yield "| outcome | success | means |"
    yield "|---|---|---|"
    told = inspect.cleandoc(outcome.__doc__ or "").splitlines()
    for each in typing.get_args(Outcome):
        text = next(line.split(None, 1)[1] for line in told if line.split()[:1] == [each.__name__])
        yield f"| `{each.__name__}` | {'yes' if each.success else 'no'} | {_cell(text)} |"
    yield ""


def _stages() -> Iterator[str]:
    yield "## Stages\n"
    yield (
        "In the order in which they come. A failure up to `commit` rolls back, and what served "
        "before\nserves on; a mishap after it is a warning of a success.\n"
    )
    yield "| stage | what happens | when it fails |"
    yield "|---|---|---|"
    for stage in Stage:
        happens, cure = STAGES[stage]
        yield f"| `{stage.value}` | {_cell(happens)} | {_cell(cure)} |"
    yield ""


def _refusals() -> Iterator[str]:
    yield "## Refusals\n"
    yield "Nothing was tried, and nothing changed; the explanation ends with what to do.\n"
    yield "| reason | code |"
    yield "|---|---|"
    for reason in RefusalReason:
        yield f"| {_cell(reason.value)} | `RefusalReason.{reason.name}` |"


def _cell(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(error_reference())
