"""Wrong plugins, one bug each, as text: given states and configs that are not theirs."""

from __future__ import annotations

from hot_reload_conformance.specimens.plugin_specimen import specimen
from hot_reload_conformance.subject import PluginSubject

# HR-PLUG-08, state-tolerant

specimen(
    "half-applies-state",
    "HR-PLUG-08",
    """
    class Service:
        version = "1.0"

        def __init__(self):
            self.count, self.names = 0, []

        def handle(self, request):
            self.count += 1
            return self.count

        def get_reload_state(self):
            return {"count": self.count, "names": list(self.names)}

        def set_reload_state(self, state):
            self.count = state["count"]
            self.names = list(state["names"])
    """,
    says="refused a state without 'names', but half of it was applied: $['count'] was 0",
    bug="assigned one by one, and the third key is missing",
    subject=PluginSubject(states=[{"count": 0, "names": []}]),
)
specimen(
    "swallows-garbage",
    "HR-PLUG-08",
    """
    class Service:
        version = "1.0"

        def __init__(self):
            self.counts = {}

        def handle(self, request):
            return self.counts.get(request, 0)

        def get_reload_state(self):
            return dict(self.counts)

        def set_reload_state(self, state):
            self.counts = state
    """,
    says="took no state, None without a word, and get_reload_state() then raised TypeError",
    bug="what comes is assigned as it is",
)
specimen(
    "exits-on-garbage",
    "HR-PLUG-08",
    """
    import sys

    class Service:
        version = "1.0"
        count = 0

        def handle(self, request):
            return self.count

        def get_reload_state(self):
            return {"count": self.count}

        def set_reload_state(self, state):
            if not isinstance(state, dict) or set(state) != {"count"}:
                sys.exit("the state is damaged")
            self.count = state["count"]
    """,
    says="no refusal that a host can take for one. Raise ValueError",
    bug="a script's way to end, in a plugin",
)

# HR-PLUG-09, state-compatible

RECORDED = {"states/1.0.json": '{"total": 7}\n'}

specimen(
    "renames-state-key",
    "HR-PLUG-09",
    """
    class Service:
        version = "2.0"
        count = 0

        def handle(self, request):
            return self.count

        def get_reload_state(self):
            return {"count": self.count}

        def set_reload_state(self, state):
            self.count = state["count"]
    """,
    says="given the state recorded in 1.0.json, raised KeyError: 'count'",
    bug="rrousselGit/riverpod#3230: a field was renamed, the data had the old name",
    subject=PluginSubject(recorded=["states"]),
    more=RECORDED,
)

# HR-PLUG-15, bad-config

# Each says its schema only when it is constructed: what a class or a module declares, the
# reference engine checks before it makes the plugin.
SCHEMA = """{
                "type": "object",
                "properties": {"host": {"type": "string"}, "port": {"type": "integer"}},
                "required": ["host"],
                "additionalProperties": False,
            }"""

specimen(
    "ignores-wrong-config",
    "HR-PLUG-15",
    # A schema of the plugin's own making: a host checks by those alone that it knows.
    f"""
    class Described:
        def model_json_schema(self):
            return {SCHEMA}


    class Service:
        version = "1.0"

        def __init__(self, config):
            self.config_schema = Described()
            self.host = config.get("host", "localhost")

        def handle(self, request):
            return self.host
    """,
    says="is outside the plugin's own config_schema, and it loads",
    bug="a misspelt key is ignored, and the default runs in production",
    subject=PluginSubject(config={"host": "example.org", "port": 80}),
)
specimen(
    "refuses-config-namelessly",
    "HR-PLUG-15",
    f"""
    class Service:
        version = "1.0"

        def __init__(self, config):
            self.config_schema = {SCHEMA}
            if set(config) != {{"host", "port"}}:
                raise ValueError("the config is invalid")
            if not isinstance(config["host"], str) or not isinstance(config["port"], int):
                raise ValueError("the config is invalid")

        def handle(self, request):
            return "yes"
    """,
    says="is refused without the name of the key",
    bug='"invalid configuration", and no more',
    subject=PluginSubject(config={"host": "example.org", "port": 80}),
)
specimen(
    "opens-before-it-checks",
    "HR-PLUG-15",
    f"""
    import socket

    OPEN = []

    class Service:
        version = "1.0"

        def __init__(self, config):
            self.config_schema = {SCHEMA}
            OPEN.append(socket.socket())
            vars(socket).setdefault("hot_reload_specimen_sockets", []).append(OPEN[-1])
            for key, kind in (("host", str), ("port", int)):
                if not isinstance(config.get(key), kind):
                    raise ValueError(f"{{key}}: not a {{kind.__name__}}")
            if set(config) - {{"host", "port"}}:
                raise ValueError(f"unknown: {{sorted(set(config) - {{'host', 'port'}})}}")

        def handle(self, request):
            return "yes"

        def stop(self):
            while OPEN:
                OPEN.pop().close()
    """,
    says="is refused, and yet something is held: 1 more file descriptor",
    bug="the connection is opened first, and a refusal leaves it open",
    subject=PluginSubject(config={"host": "example.org", "port": 80}),
)
