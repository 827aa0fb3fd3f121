"""GUARD: what may not be removed."""

from hot_reload_conformance.contract.clause import clause

CLAUSES = (
    clause(
        "HR-GUARD-01",
        "last-sink-stays",
        "MUST",
        claims="sinks",
        kinds="E M S",
        text="The last sink cannot be removed, unloaded, disabled, or lost by a config change, by "
        "the deletion of its file, or by a reload that fails or brings a version that is no sink; "
        "the refusal is clear.",
        why="The service is up, looks well, and writes nowhere: "
        "https://github.com/elastic/logstash/issues/12688",
        fix="Ask one guard in every path that can take a sink out (remove, unload, disable, "
        "config, deletion, reload), under the lock that the change needs, and name the sink in "
        "the refusal.",
    ),
    clause(
        "HR-GUARD-02",
        "last-sink-race",
        "MUST",
        claims="sinks",
        kinds="S",
        text="Concurrent removals leave at least one sink, in every interleaving.",
        why="Each of two operators sees two sinks, removes one of them, and none is left.",
        fix="Make counting and removing one step under one lock, and count a sink whose removal "
        "has begun as gone.",
    ),
    clause(
        "HR-GUARD-03",
        "last-healthy-sink",
        "SHOULD",
        claims="sinks health",
        kinds="E M",
        text="The last *healthy* sink cannot be removed while only failed ones would remain.",
        why="The output that works is taken out, the broken one stays, and events are discarded "
        "without a word.",
        fix="Count only sinks whose last health check was good, and let an operator force it by "
        "a flag that the audit shows.",
    ),
    clause(
        "HR-GUARD-04",
        "dependents-protected",
        "MUST",
        claims="dependencies",
        kinds="E M",
        text="A plugin that others depend on cannot be removed from under them: refused, or "
        "cascaded when asked for.",
        why="Plugins that used it fail at their next call, far from the cause: "
        "https://github.com/OxideMod/Oxide/issues/1148",
        fix="Look up the dependents before you remove: refuse with their names, or unload them "
        "first where a cascade was asked for.",
    ),
)
