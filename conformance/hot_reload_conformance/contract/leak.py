"""LEAK: nothing stays behind."""

from hot_reload_conformance.contract.clause import clause

CLAUSES = (
    clause(
        "HR-LEAK-01",
        "old-generation-collected",
        "MUST",
        claims="reload",
        kinds="P",
        text="After N reloads one G is alive; old instances, classes and modules are collectable.",
        why="Each reload keeps one more copy in memory until the service is restarted: "
        "https://github.com/caddyserver/caddy/issues/2358",
        fix="Drop the old instance, its modules and its bound methods from every table, cache, "
        "task and stored exception; gc.get_referrers shows who still holds it.",
    ),
    clause(
        "HR-LEAK-02",
        "census",
        "MUST",
        claims="reload",
        kinds="P",
        text="Threads, tasks, descriptors, children, sys.modules, sys.path, logging handlers, "
        "warnings filters, atexit and signal handlers do not grow, on success and on every ROLL "
        "stage.",
        why="Each log line appears once more after every reload: "
        "https://github.com/randy3k/AutomaticPackageReloader/issues/7 – or the process runs "
        "out of descriptors.",
        fix="Record what a generation opens through the host, and release it in reverse order, "
        "each step guarded, on the good path and on all others.",
    ),
    clause(
        "HR-LEAK-03",
        "memory-flat",
        "SHOULD",
        claims="reload",
        kinds="R",
        text="Memory does not grow over many reloads beyond the declared bound.",
        why="The process grows until the system ends it, days after what caused it: "
        "https://github.com/fluent/fluentd/issues/3342",
        fix="Run a few hundred reloads under tracemalloc, compare two snapshots, and bound "
        "history, caches and linecache by number.",
    ),
    clause(
        "HR-LEAK-04",
        "owned-work-cancelled",
        "SHOULD",
        claims="ownership",
        kinds="E",
        text="Tasks that a G started are cancelled and awaited before its reload is reported done.",
        why="A background task of the old generation goes on in the middle of the reload: "
        "https://github.com/home-assistant/core/pull/112790",
        fix="Make a plugin's tasks through the host (a context variable and a task factory do), "
        "and at stop cancel them and wait until they have ended.",
    ),
)
