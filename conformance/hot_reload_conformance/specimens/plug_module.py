"""Wrong plugins, one bug each, as text: in their module, metadata and cycle."""

from __future__ import annotations

from hot_reload_conformance.specimens.plugin_specimen import specimen

# HR-PLUG-01, import-is-pure

specimen(
    "raises-the-recursion-limit",
    "HR-PLUG-01",
    """
    import sys

    sys.setrecursionlimit(5000)

    class Service:
        version = "1.0"

        def handle(self, request):
            return "yes"
    """,
    says="changed the recursion limit",
    bug="one deep document, and all of the process gets another limit",
)

specimen(
    "configures-logging",
    "HR-PLUG-01",
    """
    import logging

    logging.basicConfig(level=logging.INFO)

    class Service:
        version = "1.0"

        def handle(self, request):
            return "yes"
    """,
    says="logging handler",
    bug="basicConfig at the top of the module, as in a script",
)
specimen(
    "sets-environment",
    "HR-PLUG-01",
    """
    import os

    os.environ["HOT_RELOAD_SPECIMEN"] = "1"

    class Service:
        version = "1.0"

        def handle(self, request):
            return os.environ["HOT_RELOAD_SPECIMEN"]
    """,
    says="sets the environment variable 'HOT_RELOAD_SPECIMEN' (sets_environment.py:3)",
    bug="a setting for a C library, put where it is easiest",
)
specimen(
    "changes-directory",
    "HR-PLUG-01",
    """
    import os
    import tempfile

    os.chdir(tempfile.gettempdir())

    class Service:
        version = "1.0"

        def handle(self, request):
            return os.listdir()
    """,
    says="changes the working directory",
    bug="paths of data files that are relative to the plugin",
)
specimen(
    "logging-handler-at-import",
    "HR-PLUG-01",
    """
    import logging

    log = logging.getLogger("specimen.audit")
    log.addHandler(logging.StreamHandler())

    class Service:
        version = "1.0"

        def handle(self, request):
            log.warning("asked")
    """,
    says="1 more logging handler: StreamHandler on 'specimen.audit'",
    bug="each reload doubles the lines of the log: one handler more each time",
)
specimen(
    "thread-at-import",
    "HR-PLUG-01",
    """
    import threading

    threading.Thread(target=print, daemon=True, kwargs={"end": ""}).start()

    class Service:
        version = "1.0"

        def handle(self, request):
            return "yes"
    """,
    says="starts a thread (thread_at_import.py:3)",
    bug="a cache that is warmed as early as possible, in versions that never serve too",
)
specimen(
    "writes-file-at-import",
    "HR-PLUG-01",
    """
    import os
    import tempfile

    with open(os.path.join(tempfile.gettempdir(), "hot-reload-specimen.pid"), "w") as file:
        file.write(str(os.getpid()))

    class Service:
        version = "1.0"

        def handle(self, request):
            return "yes"
    """,
    says="for writing (writes_file_at_import.py:4)",
    bug="a pid file or a log file that is opened at the top of the module",
)
specimen(
    "prints-at-import",
    "HR-PLUG-01",
    """
    class Service:
        version = "1.0"

        def handle(self, request):
            return "yes"

    print("service loaded")
    """,
    says="prints 'service loaded'",
    bug="a host that speaks on stdout, as for JSON-RPC, is broken by one print",
)

specimen(
    "patches-at-import",
    "HR-PLUG-01",
    """
    import colorsys

    _before = colorsys.rgb_to_hls

    def rounded(red, green, blue):
        return tuple(round(each, 3) for each in _before(red, green, blue))

    colorsys.rgb_to_hls = rounded

    class Service:
        version = "1.0"

        def handle(self, request):
            return colorsys.rgb_to_hls(*request)
    """,
    says="put a function of its own in the place of colorsys.rgb_to_hls",
    bug="monkeypatch on import: each reload wraps the wrapper of the one before",
)

# HR-PLUG-02, metadata

specimen(
    "no-version",
    "HR-PLUG-02",
    """
    PLUGIN_META = {"name": "no-version"}

    class Service:
        def handle(self, request):
            return "yes"
    """,
    says="declares no version",
    bug="status and audit cannot tell which version runs",
)
specimen(
    "malformed-version",
    "HR-PLUG-02",
    """
    class Service:
        version = "one point oh"

        def handle(self, request):
            return "yes"
    """,
    says="version 'one point oh' is not a version by PEP 440",
    bug="version ranges of dependents cannot be compared",
)
specimen(
    "role-without-method",
    "HR-PLUG-02",
    """
    class Sink:
        version = "1.0"
        roles = ("sink",)

        def handle(self, event):
            return "yes"
    """,
    says="role 'sink' is declared, but Sink has no method 'write'",
    bug="events for it would fail one by one at run time",
)
specimen(
    "no-plugin",
    "HR-PLUG-02",
    """
    def rounded(value):
        return round(value, 2)
    """,
    says="no plugin in the module",
    bug="a module that others import, in the plugins' directory",
)

# HR-PLUG-03, cycle

specimen(
    "leaks-descriptor",
    "HR-PLUG-03",
    """
    import os

    class Service:
        version = "1.0"

        def start(self):
            self.log = os.open("/dev/null", os.O_WRONLY)

        def handle(self, request):
            os.write(self.log, b"asked")
    """,
    says="of the kind 'file descriptor' (/dev/null)",
    bug="a service that is edited all day ends with 'too many open files'",
)
specimen(
    "umask-after-stop",
    "HR-PLUG-03",
    """
    import os


    class Writer:
        version = "1.0"

        def start(self):
            os.umask(0o077)

        def handle(self, request):
            return "written"
    """,
    says="is not as it was before its load: the umask",
    bug="files of the whole process get other rights, and no stop() thinks of it",
)
specimen(
    "environment-after-stop",
    "HR-PLUG-03",
    """
    import os

    class Proxied:
        version = "1.0"

        def start(self):
            os.environ["SPECIMEN_PROXY"] = "http://127.0.0.1:3128"

        def handle(self, request):
            return os.environ["SPECIMEN_PROXY"]
    """,
    says="after its unload the environment is not as it was before its load: SPECIMEN_PROXY",
    bug="what start() sets for a library outlives the plugin",
)
specimen(
    "adds-to-path",
    "HR-PLUG-03",
    """
    import os
    import sys

    class Service:
        version = "1.0"

        def start(self):
            sys.path.insert(0, os.path.dirname(__file__))

        def handle(self, request):
            return "yes"
    """,
    says="more of the kind 'sys.path entry'",
    bug="sys.path grows with every reload, and each import gets slower",
)
specimen(
    "start-raises",
    "HR-PLUG-03",
    """
    class Service:
        version = "1.0"

        def start(self):
            self.settings = {}["url"]

        def handle(self, request):
            return "yes"
    """,
    says="start raised KeyError: 'url' at start_raises.py:5",
    bug="it never worked",
)

specimen(
    "reload-raises",
    "HR-PLUG-03",
    """
    class Service:
        version = "1.0"

        def handle(self, request):
            return "yes"

        def on_reload(self):
            raise NotImplementedError("later")
    """,
    says="the plugin does not survive a reload to the same code: on_reload",
    bug="it works until the first edit",
)
specimen(
    "stop-raises",
    "HR-PLUG-03",
    """
    class Service:
        version = "1.0"

        def handle(self, request):
            return "yes"

        def stop(self):
            self.connection.close()
    """,
    says="the old generation's shutdown failed: stop: stop raised AttributeError",
    bug="what stop() did not get to stays behind, and nobody sees the error",
)
