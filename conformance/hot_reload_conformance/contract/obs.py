"""OBS: what the host tells."""

from hot_reload_conformance.contract.clause import clause

CLAUSES = (
    clause(
        "HR-OBS-01",
        "in-progress",
        "MUST",
        claims="health",
        kinds="E S",
        text="Health says that a reload runs while it runs, and not after success, failure or "
        "cancellation.",
        why="A balancer sends requests to a process that calls itself ready while it is still "
        "loading: https://github.com/grafana/agent/issues/1009",
        fix="Set a mark when the operation begins, clear it in `finally`, and let health read "
        "this mark alone.",
    ),
    clause(
        "HR-OBS-02",
        "counts-conserve",
        "MUST",
        claims="metrics",
        kinds="M",
        text="attempts = successes + failures + refusals; counters never go down; durations are "
        "measured on every path.",
        why="Numbers that begin again at zero make graphs and alerts wrong: "
        "https://github.com/VictoriaMetrics/VictoriaMetrics/issues/10369",
        fix="Keep the counters in the host, not in a generation; count the attempt at its start, "
        "and one result with its duration in `finally`.",
    ),
    clause(
        "HR-OBS-03",
        "one-terminal-event",
        "MUST",
        claims="events",
        kinds="M S",
        text="Each attempt emits one start and exactly one terminal event, in order.",
        why="A dashboard shows a reload that never ends, or two results for one.",
        fix="Emit the last event in one place that every path returns through, rollback and "
        "cancellation too.",
    ),
    clause(
        "HR-OBS-04",
        "result-tells-truth",
        "MUST",
        claims="reload",
        kinds="M",
        text="What the result says (old and new version, success, error) is what a behaviour "
        "probe finds.",
        why="People trust the message and look for a mistake in code that is not running: "
        "https://github.com/errbotio/errbot/issues/1346",
        fix="Fill the result from the generation that dispatch holds after the commit, not from "
        "the request and not from sys.modules.",
    ),
    clause(
        "HR-OBS-05",
        "audit",
        "MUST",
        claims="audit",
        kinds="E M",
        text="Each operation, refused and forced ones too, leaves one audit record: when, what, "
        "by whom, why, hash, result.",
        why="After an incident nobody can tell who forced which version past the checks.",
        fix="Write the record in the function that all operations pass through, before the "
        "answer goes out, with the forced flag and the source's hash.",
    ),
    clause(
        "HR-OBS-06",
        "last-result",
        "SHOULD",
        claims="health",
        kinds="E",
        text="Status tells the last result, its time and error per plugin, and what runs "
        "(version, hash).",
        why="Otherwise nobody can see whether the last change is in use: "
        "https://github.com/prometheus/prometheus/issues/4099",
        fix="Store outcome, time and error text of each attempt by plugin, take version and hash "
        "from the running generation, and show both in status.",
    ),
    clause(
        "HR-OBS-07",
        "history-holds-nothing",
        "MUST",
        claims="events",
        kinds="E",
        text="Records and errors kept by the host keep no old G alive.",
        why="An exception holds its traceback, this its frames, and these the whole old plugin: "
        "one more with every failure.",
        fix="Keep formatted text, names and hashes instead of exceptions and results; where you "
        "must keep an exception, strip __traceback__, __context__ and __cause__.",
    ),
)
