"""What ``hot-reload new`` writes: an adapter by style, or a plugin by role, with what runs it."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from pathlib import Path
from string import Template

from hot_reload_conformance.nearest import did_you_mean

STYLES: Mapping[str, str] = {
    "sync": "its methods are ordinary functions",
    "async": "coroutines, with hooks",
    "process": "its plugins run in another process",
    "patching": "it changes modules where they are, as importlib.reload does",
}
"""Kinds of hosts, each with an adapter of its own shape."""

_TEMPLATES = Path(__file__).parent / "templates"

_WRITE = '''
    def start(self):
        """Open what is written to. While versions change, two of them have it open."""
        self.file = open(self.config["path"], "a", encoding="utf-8")

    def write(self, event):
        """Take one event; it must not be lost once this has returned."""
        self.file.write(json.dumps(event) + "\\n")
        self.file.flush()
        self.count += 1

    def stop(self):
        """End what start() began, if it did; called once, twice, or after half a start."""
        if self.file is not None:
            self.file.close()
'''
_ROLES: Mapping[str, tuple[str, str, str]] = {
    "sink": ("writes events to a file, a line of JSON each", _WRITE, ""),
    "filter": (
        "lets events pass, or holds them back",
        '''
    def filter(self, event):
        """True: the event passes."""
        self.count += 1
        return event.get("level") != "debug"
''',
        'plugin.filter({"level": "info"})',
    ),
    "enricher": (
        "adds to events",
        '''
    def enrich(self, event):
        """The event with more in it. The one that came is others' too: change a copy."""
        self.count += 1
        return {**event, "number": self.count}
''',
        'plugin.enrich({"message": "hello"})',
    ),
    "processor": (
        "changes events",
        '''
    def process(self, event):
        """The event that goes on; None: it ends here."""
        self.count += 1
        return {**event, "message": str(event.get("message", "")).strip()}
''',
        'plugin.process({"message": " hello "})',
    ),
    "redactor": (
        "takes out of events what must not be written",
        '''
    def redact(self, event):
        """The event without what is secret."""
        self.count += 1
        return {key: value for key, value in event.items() if key != "password"}
''',
        'plugin.redact({"user": "ann", "password": "x"})',
    ),
    "service": (
        "answers requests",
        '''
    def handle(self, request):
        """The answer to one request."""
        self.count += 1
        return {"count": self.count}
''',
        'plugin.handle({"command": "count"})',
    ),
}
ROLES: tuple[str, ...] = tuple(_ROLES)

_OBSERVED = '''

async def written(plugin):
    """What has arrived, in order: from the file, as the plugin's own word proves nothing."""
    lines = Path(plugin.config["path"]).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
'''
_USED = '''

async def use(plugin):
    """What the plugin's users do with it."""
    {call}
'''


class ScaffoldError(Exception):
    """Nothing was written; the text says why, and what to do."""


def new_adapter(name: str, style: str, folder: Path) -> list[Path]:
    """Write an adapter of ``style`` with its test and README into ``folder``/NAME; the files.

    Raises:
        ScaffoldError: the name is no name, the style is unknown, or the folder is in use.
        OSError: it cannot be written to.
    """
    if style not in STYLES:
        raise ScaffoldError(f"there is no style {style!r}.{did_you_mean(style, STYLES)}")
    words = _words(name)
    facts = {
        "name": name,
        "module": f"{'_'.join(words)}_adapter",
        "Class": _class(words, "Adapter"),
    }
    return _written(
        folder / name,
        {
            f"{facts['module']}.py": _filled(f"{style}_adapter", facts),
            "toy_host.py": _filled(f"{style}_host", facts),
            "test_contract.py": _filled("adapter_test", facts),
            "README.md": _filled("adapter_readme", facts),
        },
    )


def new_plugin(name: str, role: str, folder: Path) -> list[Path]:
    """Write a plugin of ``role`` with its description and README into ``folder``/NAME.

    Raises:
        ScaffoldError: the name is no name, the role is unknown, or the folder is in use.
        OSError: it cannot be written to.
    """
    if role not in _ROLES:
        raise ScaffoldError(f"there is no role {role!r}.{did_you_mean(role, ROLES)}")
    words = _words(name)
    what, body, call = _ROLES[role]
    facts = {"name": name, "module": "_".join(words), "Class": _class(words, "")}
    sink = role == "sink"
    opened = "\n        self.file = None" if sink else ""
    plugin = _filled(
        "plugin", {**facts, "what": what, "role": role, "opened": opened, "body": body}
    )
    conftest = _filled(
        "plugin_conftest",
        {
            "helpers": (_OBSERVED if sink else _USED.format(call=call)).strip(),
            "description": _DESCRIBED[sink],
        },
    )
    if sink:
        plugin = plugin.replace('"""\n\n\n', '"""\n\nimport json\n\n\n', 1)
        conftest = conftest.replace("from pathlib", "import json\nfrom pathlib", 1)
    else:
        conftest = conftest.replace("from pathlib import Path\n\n", "", 1)
    return _written(
        folder / name,
        {
            f"plugins/{facts['module']}.py": plugin,
            "conftest.py": conftest,
            "README.md": _filled("plugin_readme", facts),
        },
    )


_DESCRIBED = {
    True: """
    config=lambda folder: {"path": str(folder / "events.jsonl")},
    observe=written,
""",
    False: "exercise=use",
}


def _filled(template: str, facts: Mapping[str, str]) -> str:
    text = (_TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")
    return Template(text).substitute(facts)


def _words(name: str) -> list[str]:
    words = re.findall(r"[a-z0-9]+", name.lower())
    usable = re.fullmatch(r"[A-Za-z][A-Za-z0-9]*([-_][A-Za-z0-9]+)*", name)
    if not usable or keyword.iskeyword("_".join(words)):
        raise ScaffoldError(
            f"{name!r} can be no module's name: write letters, digits and dashes, as in my-host"
        )
    return words


def _class(words: list[str], suffix: str) -> str:
    return "".join(each.capitalize() for each in words) + suffix


def _written(folder: Path, files: Mapping[str, str]) -> list[Path]:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ScaffoldError(
            f"{folder} is there already, and is not empty: nothing was written. Choose another "
            "name, or remove it"
        )
    paths: list[Path] = []
    for relative, text in files.items():
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths
