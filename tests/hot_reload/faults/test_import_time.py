"""I1 to I7 and I14 to I20 on the engine: the module's body fails, and the old serves.

What ends or hangs a process (I8 to I13, I15, I16) is met by a preflight, and tested with it
in ``tests/hot_reload/source/test_preflight.py``; what an import changes in the process
(I17, I19) in ``tests/hot_reload/source/test_process_state.py``.
"""

from __future__ import annotations

import io
import sys

import pytest

from hot_reload.outcome import Stage, Swapped

from .conftest import GOOD, Serving

RAISING: dict[str, tuple[str, tuple[str, ...], int]] = {
    "i1_missing_module": (
        "import nowhere_to_be_found\n",
        ("No module named 'nowhere_to_be_found'", "pip install nowhere_to_be_found"),
        1,
    ),
    "i1_missing_name": ("from json import nothing\n", ("ImportError", "nothing"), 1),
    "i2_many_lines_and_escapes": (
        "raise Exception('first\\nsecond \\x1b[31mred\\x1b[0m')\n",
        (r"Exception: first\nsecond \x1b[31mred\x1b[0m",),
        1,
    ),
    "i2_huge": ("raise Exception('x' * 10_000_000)\n", ("Exception: xxx", "…"), 1),
    "i3_system_exit": ("import sys\nsys.exit('bye')\n", ("SystemExit: bye",), 2),
    "i4_keyboard_interrupt": ("raise KeyboardInterrupt\n", ("KeyboardInterrupt",), 1),
    "i5_cancelled": (
        "import asyncio\nraise asyncio.CancelledError\n",
        ("CancelledError",),
        2,
    ),
    "i6_generator_exit": ("raise GeneratorExit\n", ("GeneratorExit",), 1),
    "i6_bare_base_exception": (
        "class Odd(BaseException): ...\nraise Odd('odd')\n",
        ("Odd: odd",),
        2,
    ),
    "i7_str_raises": (
        "class Odd(Exception):\n    def __str__(self): raise SystemExit\nraise Odd\n",
        ("Odd: (its text cannot be shown: __str__ raised SystemExit)",),
        3,
    ),
    "i14_recursion": ("def f(): f()\nf()\n", ("RecursionError",), 1),
}


@pytest.mark.parametrize("row", RAISING)
async def test_a_body_that_raises_leaves_the_old_serving(row: str, serving: Serving) -> None:
    source, fragments, line = RAISING[row]
    outcome = await serving.survives(source.encode(), Stage.IMPORT, *fragments, line=line)
    assert len(outcome.failure.cause) <= 500


async def test_i3_to_i7_the_task_of_the_caller_goes_on(serving: Serving) -> None:
    """None of them is taken for the caller's own: he is neither cancelled nor interrupted."""
    import asyncio

    await serving.survives(b"import asyncio\nraise asyncio.CancelledError\n", Stage.IMPORT)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_i19_a_circular_import_of_itself_works(serving: Serving) -> None:
    source = "import counter\nassert counter.__name__ == __name__\n" + GOOD.format("7.0")
    serving.path.write_text(source)
    assert isinstance(await serving.engine.reload("counter"), Swapped)


async def test_i19_a_name_taken_from_a_half_imported_self_is_an_import_error(
    serving: Serving,
) -> None:
    await serving.survives(b"from counter import Counter\n", Stage.IMPORT, "ImportError", line=1)


async def test_i19_a_module_that_deletes_itself_from_sys_modules(serving: Serving) -> None:
    source = b"import sys\ndel sys.modules[__name__]\n"
    outcome = await serving.survives(source, Stage.IMPORT, "KeyError")
    assert outcome.new is None
    assert not [name for name in sys.modules if name.startswith("counter@g2")]


async def test_i20_input_at_import(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    await serving.survives(b"name = input()\n", Stage.IMPORT, "EOFError", line=1)
