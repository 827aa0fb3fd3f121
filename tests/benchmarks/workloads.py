"""The plugins that are reloaded: a small one, a package, a big one; each in any version.

The same bytes suit every contender: a class for this project, a module with a function for
``importlib``, and ``setup(bot)`` for discord.py.
"""

from __future__ import annotations

from collections.abc import Mapping

Files = Mapping[str, str]
"""Relative path to text."""

SMALL = '''"""A counter of requests, with a state that survives."""

from __future__ import annotations

import time

LIMIT = 100


class Counter:
    """Counts by kind, and says how it went."""

    name = "counter"
    version = "1.0.{version}"

    def __init__(self):
        self.seen = 0
        self.by_kind = {{}}
        self.began = time.monotonic()

    async def start(self):
        self.running = True

    async def stop(self):
        self.running = False

    def get_reload_state(self):
        return {{"seen": self.seen, "by_kind": dict(self.by_kind)}}

    def set_reload_state(self, state):
        self.seen = state["seen"]
        self.by_kind = dict(state["by_kind"])

    def health_check(self):
        return "ok" if self.seen >= 0 else "down"

    def handle(self, request):
        self.seen += 1
        kind = type(request).__name__
        self.by_kind[kind] = min(self.by_kind.get(kind, 0) + 1, LIMIT)
        return answer()


def answer():
    return {version}


async def setup(bot):
    bot.counter = Counter()
'''
PART = '''"""Part {number} of the package."""

from __future__ import annotations

VALUE = {value}


class Part{number}:
{methods}

def value():
    return VALUE
'''
METHOD = """    def method_{0}(self, first, second=None):
        total = first + (second or {0})
        return [total * each for each in range({0}) if each % 3]

"""
PACKAGE = SMALL.replace(
    "import time\n",
    "import time\n\n" + "".join(f"from .part{n} import value as value{n}\n" for n in range(10)),
).replace("    return {version}\n", f"    return {' + '.join(f'value{n}()' for n in range(10))}\n")


def small(version: int) -> Files:
    """One module of 49 lines that answers with its version."""
    return {"counter.py": SMALL.format(version=version)}


def package(version: int) -> Files:
    """Ten submodules of about fifty lines, of which one says the version."""
    methods = "".join(METHOD.format(number) for number in range(10))
    files = {"counter/__init__.py": PACKAGE.format(version=0)}
    for number in range(10):
        value = version if number == 5 else 0
        text = PART.format(number=number, value=value, methods=methods)
        files[f"counter/part{number}.py"] = text
    return files


def big(version: int) -> Files:
    """One module of 2,000 lines."""
    classes = "".join(
        f"\n\nclass Part{number}:\n" + "".join(METHOD.format(each) for each in range(12))
        for number in range(39)
    )
    return {"counter.py": SMALL.format(version=version) + classes}


WORKLOADS = {"small": small, "package": package, "big": big}
