"""CONF: changes of configuration."""

from hot_reload_conformance.contract.clause import clause

CLAUSES = (
    clause(
        "HR-CONF-01",
        "applied",
        "MUST",
        claims="config",
        kinds="E M",
        text="A valid change of config reaches the affected plugins, and only those; whoever is "
        "unloaded and loaded again never runs with settings that the file has not any more.",
        why='An operator changes a value, is told "reloaded", and part of it is not in use: '
        "https://github.com/vectordotdev/vector/issues/18933",
        fix="Compare old and new config plugin by plugin, reload those whose own part differs, "
        "and name what needs a restart. Compare with what runs, not with the last file: a plugin "
        "may have been loaded anew since then.",
    ),
    clause(
        "HR-CONF-02",
        "invalid-keeps-old",
        "MUST",
        claims="config",
        kinds="E M",
        text="Invalid, empty or half-written config changes nothing, and the error names file, "
        "line and key.",
        why="One wrong line ends a service that worked: "
        "https://github.com/open-telemetry/opentelemetry-collector/issues/11817",
        fix="Parse and validate completely before anything is stopped, refuse an empty file, and "
        "keep the parser's line and the key's path in the message.",
    ),
    clause(
        "HR-CONF-03",
        "all-or-nothing",
        "MUST",
        claims="config",
        kinds="E M",
        text="If one consumer refuses, none keeps the new config; the last good one is that which "
        "runs.",
        why="Half of the plugins talk to the new server and half to the old one, and no file "
        "describes that mixture.",
        fix="Ask every consumer first and apply then; when one fails give all of them the old "
        "config again, and store the new one as good only after the last has taken it.",
    ),
    clause(
        "HR-CONF-04",
        "next-good-applies",
        "MUST",
        claims="config clock",
        kinds="M",
        text="After a bad config the next good one applies as soon as it could have without the "
        "bad one.",
        why="The good file is not picked up because a broken one came before it: "
        "https://github.com/prometheus-operator/prometheus-operator/issues/4708",
        fix="Remember hash and time of a config only after it was applied, so that a bad one "
        "uses up neither.",
    ),
    clause(
        "HR-CONF-05",
        "copied",
        "MUST",
        claims="config",
        kinds="E",
        text="A caller's later mutation of the dict changes nothing.",
        why="The caller uses the dict again, and a plugin's settings change without a reload and "
        "without validation.",
        fix="Deep-copy the mapping on entry, and give each plugin a copy of its own.",
    ),
    clause(
        "HR-CONF-06",
        "unchanged-noop",
        "MUST",
        claims="config",
        kinds="E",
        text="The same content again does nothing.",
        why="Management tools write the same file every few minutes, and each write then costs "
        "an interruption.",
        fix="Compare the parsed and normalised content with that which runs, and answer "
        '"unchanged".',
    ),
    clause(
        "HR-CONF-07",
        "safe",
        "MUST",
        claims="config",
        kinds="E",
        text="Unsafe YAML tags run nothing; alias, merge-key and depth bombs and duplicate keys "
        "are refused within 100 ms.",
        why="Whoever may edit a config file can run code in the host by one tag, or stop it with "
        "a few lines of nested references.",
        fix="Use a safe loader, check size and depth before and while you parse, and refuse "
        "aliases, merge keys and repeated keys.",
    ),
)
