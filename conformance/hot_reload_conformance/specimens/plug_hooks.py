"""Wrong plugins, one bug each, as text: in their hooks."""

from __future__ import annotations

from hot_reload_conformance.specimens.plugin_specimen import specimen

# HR-PLUG-05, stop-is-idempotent

specimen(
    "stop-twice-raises",
    "HR-PLUG-05",
    """
    class Service:
        version = "1.0"

        def __init__(self):
            self.connections = {}

        def start(self):
            self.connections["main"] = object()

        def handle(self, request):
            return "yes"

        def stop(self):
            del self.connections["main"]
    """,
    says="stop() raised KeyError: 'main'",
    bug="a host stops a half-started generation, and once more when it closes",
)

# HR-PLUG-06, half-start-released

specimen(
    "half-start-holds",
    "HR-PLUG-06",
    """
    import asyncio
    import os

    class Service:
        version = "1.0"
        started = False

        async def start(self):
            self.log = os.open("/dev/null", os.O_WRONLY)
            await asyncio.sleep(0)
            self.started = True

        def handle(self, request):
            os.write(self.log, b"asked")

        async def stop(self):
            if self.started:
                os.close(self.log)
                self.started = False
    """,
    says="start() was cancelled while it waited at half_start_holds.py:10, stop() was called",
    bug="one flag at the end of start() for all that it acquires",
)

# HR-PLUG-10, bounded-hooks

specimen(
    "blocks-loop-in-start",
    "HR-PLUG-10",
    """
    import time

    class Service:
        version = "1.0"

        async def start(self):
            time.sleep(0.25)

        def handle(self, request):
            return "yes"
    """,
    says="start() blocks the event loop for",
    bug="time.sleep, or a driver that is not asynchronous, in an async hook",
)
specimen(
    "start-never-ends",
    "HR-PLUG-10",
    """
    import asyncio

    class Service:
        version = "1.0"

        async def start(self):
            while True:
                await asyncio.sleep(3600)

        def handle(self, request):
            return "yes"
    """,
    says="start() was still running after 2 s, waiting at start_never_ends.py:8",
    bug="a main loop in start instead of in a task",
)
specimen(
    "ignores-cancellation",
    "HR-PLUG-10",
    """
    import asyncio

    class Service:
        version = "1.0"

        async def start(self):
            while True:
                try:
                    await asyncio.sleep(0)
                    break
                except asyncio.CancelledError:
                    await asyncio.sleep(3600)

        def handle(self, request):
            return "yes"
    """,
    says="it swallows its cancellation",
    bug="a retry loop around a connection that catches BaseException",
)
specimen(
    "cancelled-start-returns",
    "HR-PLUG-10",
    """
    import asyncio

    class Service:
        version = "1.0"

        async def start(self):
            try:
                await asyncio.sleep(0.001)
            except BaseException:
                self.ready = False

        def handle(self, request):
            return "yes"
    """,
    says="returned as if it had started",
    bug="a bare except around an await",
)

# HR-PLUG-13, silent-after-stop

specimen(
    "leaks-task",
    "HR-PLUG-13",
    """
    import asyncio

    class Service:
        version = "1.0"

        async def start(self):
            self.task = asyncio.create_task(self.poll(), name="poll")

        async def poll(self):
            while True:
                await asyncio.sleep(60)

        def handle(self, request):
            return "yes"

        async def stop(self):
            self.task = None
    """,
    says="the task 'poll' (Service.poll, made at leaks_task.py:7) still runs",
    bug="Maoer233/astrbot_plugin_steam_status_monitor#53: two pollers after a reload",
)
specimen(
    "leaks-thread",
    "HR-PLUG-13",
    """
    import threading

    class Service:
        version = "1.0"

        def start(self):
            self.wake = threading.Event()
            self.thread = threading.Thread(target=self.poll, name="poll", daemon=True)
            self.thread.start()

        def poll(self):
            self.wake.wait(20)

        def handle(self, request):
            return "yes"

        def stop(self):
            self.thread = None
    """,
    says="the thread 'poll' (now at leaks_thread.py:12) still runs",
    bug="Fexty12573/SharpPluginLoader#29: threads of old generations pile up",
)
specimen(
    "timer-after-stop",
    "HR-PLUG-13",
    """
    import asyncio

    class Service:
        version = "1.0"

        async def start(self):
            self.beat()

        def beat(self):
            asyncio.get_running_loop().call_later(30, self.beat)

        def handle(self, request):
            return "yes"
    """,
    says="a timer is still armed that was set at timer_after_stop.py:10",
    bug="sopel-irc/sopel#831: jobs of the old generation go on",
)
specimen(
    "handler-after-stop",
    "HR-PLUG-13",
    """
    import logging

    class Counting(logging.Handler):
        def emit(self, record):
            pass

    class Service:
        version = "1.0"

        def start(self):
            logging.getLogger("specimen").addHandler(Counting())

        def handle(self, request):
            return "yes"
    """,
    says="1 more logging handler: Counting on 'specimen'",
    bug="every reload doubles what the handler does",
)

specimen(
    "warnings-silenced-after-stop",
    "HR-PLUG-13",
    """
    import warnings

    class Service:
        version = "1.0"

        def start(self):
            warnings.simplefilter("ignore")

        def handle(self, request):
            return "yes"
    """,
    says="start() added a warnings filter: 'ignore' for Warning",
    bug="one noisy library, and the whole process hears no warning any more",
)

specimen(
    "root-level-after-stop",
    "HR-PLUG-13",
    """
    import logging

    class Service:
        version = "1.0"

        def start(self):
            logging.getLogger().setLevel(logging.DEBUG)

        def handle(self, request):
            return "yes"

        def stop(self):
            pass
    """,
    says="start() set the level of the root logger from",
    bug="debug = true in one plugin, and the log of the whole service fills the disk",
)

specimen(
    "atexit-after-stop",
    "HR-PLUG-14",
    """
    import atexit

    class Service:
        version = "1.0"

        def start(self):
            atexit.register(self.stop)

        def handle(self, request):
            return "yes"

        def stop(self):
            pass
    """,
    says="an atexit callback",
    bug="stop() is registered for the end of the process, once for each generation",
)

specimen(
    "filter-after-stop",
    "HR-PLUG-13",
    """
    import logging

    class Quiet(logging.Filter):
        def filter(self, record):
            return "password" not in record.getMessage()

    class Service:
        version = "1.0"

        def start(self):
            logging.getLogger("specimen").addFilter(Quiet())

        def handle(self, request):
            return "yes"
    """,
    says="added a filter to the logger 'specimen'",
    bug="handlers are taken off again, and filters are forgotten",
)
specimen(
    "excepthook-after-stop",
    "HR-PLUG-13",
    """
    import sys

    class Reporter:
        version = "1.0"

        def start(self):
            sys.excepthook = report

        def handle(self, request):
            return "yes"

    def report(*crash):
        print("please report this", crash)
    """,
    says="start() replaced sys.excepthook",
    bug="a crash reporter that goes on reporting when it is unloaded",
)

specimen(
    "patch-after-stop",
    "HR-PLUG-13",
    """
    import functools
    from html.parser import HTMLParser

    class Counter:
        version = "1.0"
        calls = 0

        def start(self):
            feed = HTMLParser.feed

            @functools.wraps(feed)
            def counted(parser, text):
                self.calls += 1
                return feed(parser, text)

            HTMLParser.feed = counted

        def handle(self, request):
            return self.calls
    """,
    says="put a function of its own in the place of html.parser.HTMLParser.feed",
    bug="instrumentation that nobody takes off: each reload counts once more",
)
specimen(
    "loop-handler-after-stop",
    "HR-PLUG-13",
    """
    import asyncio

    class Reporter:
        version = "1.0"

        async def start(self):
            asyncio.get_running_loop().set_exception_handler(self.report)

        def report(self, loop, context):
            print("please report this", context)

        def handle(self, request):
            return "yes"
    """,
    says="start() replaced the exception handler of the event loop",
    bug="a crash reporter that goes on reporting when it is unloaded",
)
specimen(
    "stdout-after-stop",
    "HR-PLUG-13",
    """
    import sys

    class Tee:
        def __init__(self, stream):
            self.stream = stream

        def __getattr__(self, name):
            return getattr(self.stream, name)

    class Recorder:
        version = "1.0"

        def start(self):
            sys.stdout = Tee(sys.stdout)

        def handle(self, request):
            return "yes"
    """,
    says="start() replaced sys.stdout by stdout_after_stop",
    bug="a recorder of what is printed stays in front of the stream",
)

# HR-PLUG-17, health-tells-truth

specimen(
    "health-says-yes",
    "HR-PLUG-17",
    """
    class Service:
        version = "1.0"

        def handle(self, request):
            return "yes"

        def health_check(self):
            return True
    """,
    says="answers True before start() and while it runs",
    bug="gobha-me/anvil#22: healthy when the plugin had failed",
)
specimen(
    "health-raises-before-start",
    "HR-PLUG-17",
    """
    class Service:
        version = "1.0"

        def start(self):
            self.ready = True

        def handle(self, request):
            return "yes"

        def health_check(self):
            return self.ready
    """,
    says="health_check() before start() raised AttributeError",
    bug="grafana/agent#1009: what asks early gets an exception",
)
