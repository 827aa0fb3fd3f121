"""LIMIT: how often and how long."""

from hot_reload_conformance.contract.clause import clause

CLAUSES = (
    clause(
        "HR-LIMIT-01",
        "rate",
        "MUST",
        claims="rate-limit clock",
        kinds="M",
        text="No more reloads than the declared rate.",
        why="A plugin that dies at once and is started again at once never rests and fills the "
        "log: https://github.com/WebThingsIO/thing-url-adapter/issues/32",
        fix="Keep the times of the last reloads of each plugin on a monotonic clock, and ask "
        "them in every path, the manual one too.",
    ),
    clause(
        "HR-LIMIT-02",
        "deferred-not-dropped",
        "MUST",
        claims="rate-limit clock",
        kinds="M",
        text="A request over the limit is deferred and coalesced, or refused with a time to "
        "retry; an acknowledged request is never dropped.",
        why='Whoever reads "ok" does not ask again, and the last change never runs: '
        "https://github.com/fluent/fluent-bit/issues/8457",
        fix="Keep one pending request for each plugin that later ones join, and run it as soon "
        "as the limit allows; or refuse with the seconds to wait.",
    ),
    clause(
        "HR-LIMIT-03",
        "retry-backoff",
        "MUST",
        claims="retry clock",
        kinds="M",
        text="Transient failures are retried with growing delay up to the declared number; a new "
        "edit resets the budget; a syntax error is not retried.",
        why="Without retries a passing trouble needs a person; without a bound a hopeless load "
        "uses the machine up.",
        fix="Tell passing failures (a busy file, a time-out) from permanent ones, bound the "
        "attempts, double the delay, and begin anew when the bytes change.",
    ),
    clause(
        "HR-LIMIT-04",
        "hook-deadline",
        "MUST",
        claims="timeouts clock",
        kinds="E S",
        text="Every hook has a deadline of its own, also one that swallows cancellation; other "
        "plugins stay manageable meanwhile.",
        why="One start that waits for a dead server blocks everything; asyncio.wait_for does not "
        "help, as it waits for the cancelled hook: "
        "https://docs.python.org/3/library/asyncio-task.html#asyncio.wait_for",
        fix="Run the hook in a task, wait by asyncio.wait(timeout=…), abandon and report the "
        "task when time is over, and hold no host-wide lock meanwhile. Count from the hook's own "
        "beginning; a bound for the whole operation is another setting.",
    ),
    clause(
        "HR-LIMIT-05",
        "storm",
        "MUST",
        claims="watch",
        kinds="P R",
        text="A storm of changes or requests gives at most one running reload and one follow-up "
        "for each plugin.",
        why="Each request during a reload starts one more, and the host does nothing else: "
        "https://github.com/PostHog/posthog/pull/18120",
        fix='Keep two marks for each plugin, "running" and "again": a request during a '
        "reload sets the second, and who finishes runs once more where it is set.",
    ),
)
