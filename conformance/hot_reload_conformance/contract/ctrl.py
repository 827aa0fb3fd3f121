"""CTRL: control over HTTP."""

from hot_reload_conformance.contract.clause import clause

CLAUSES = (
    clause(
        "HR-CTRL-01",
        "authorised",
        "MUST",
        claims="http",
        kinds="R",
        text="No token, no answer: every route, reads too.",
        why="Whoever reaches the port can change what runs: "
        "https://github.com/prometheus/blackbox_exporter/issues/1638",
        fix="Check the token in one place before any routing, compare it by hmac.compare_digest, "
        "and serve a Unix socket or loopback unless told otherwise.",
    ),
    clause(
        "HR-CTRL-02",
        "browser-safe",
        "MUST",
        claims="http",
        kinds="R",
        text="Foreign Host or Origin, form posts and GET on a mutating route are refused; no CORS "
        "grant.",
        why="A web page that the operator has open can send requests to a port of the same "
        "machine: https://github.com/google/adk-python/pull/6227",
        fix="Accept known Host values only, refuse other origins, and ask for JSON and a header "
        "of your own wherever something changes.",
    ),
    clause(
        "HR-CTRL-03",
        "ids-are-not-paths",
        "MUST",
        claims="http",
        kinds="R",
        text="Traversal, encoded, overlong and unknown ids touch no file and answer 4xx.",
        why='An id with "../" in it lets a caller load or read something outside the plugins\' '
        "folder.",
        fix="Bound length and characters first, then look the id up among the known plugins; "
        "never join it to a path.",
    ),
    clause(
        "HR-CTRL-04",
        "honest-status",
        "MUST",
        claims="http",
        kinds="R",
        text="2xx only for what was done or queued; queued says so; storms get 429 with a time to "
        "retry.",
        why='A client that reads "done" does not ask again, and what it wanted never happens: '
        "https://github.com/fluent/fluent-bit/issues/8457",
        fix="Answer 202 with an id for what waits, 409 for what is refused, 429 with Retry-After "
        "over the limit, and 200 only after the commit.",
    ),
)
