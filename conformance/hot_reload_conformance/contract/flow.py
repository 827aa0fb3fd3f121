"""FLOW: no log loss."""

from hot_reload_conformance.contract.clause import clause

CLAUSES = (
    clause(
        "HR-FLOW-01",
        "no-loss",
        "MUST",
        claims="sinks",
        kinds="P M S R",
        text="No accepted event is lost by a reload, an addition or a removal, successful, failed "
        "or cancelled, nor as the host is closed.",
        why="Logs are missing from exactly the moment at which somebody changed the pipeline: "
        "https://github.com/vectordotdev/vector/issues/5795",
        fix="Start the new sink, switch the dispatch table in one step, wait for the deliveries "
        'that began on the old one, then flush it; say "accepted" only of events that are '
        "in a sink or in a queue.",
    ),
    clause(
        "HR-FLOW-02",
        "no-duplicate",
        "MUST",
        claims="sinks exactly-once",
        kinds="P M S R",
        text="None is delivered twice to one sink's lineage. (A host may declare at-least-once "
        "instead; then duplicates are counted and shown.)",
        why="Totals are wrong and alerts come twice after a change of the pipeline: "
        "https://github.com/vectordotdev/vector/issues/4031",
        fix="Choose the generation once for each event and sink, and repeat on the new one only "
        "what the old one is known not to have taken.",
    ),
    clause(
        "HR-FLOW-03",
        "order",
        "MUST",
        claims="sinks",
        kinds="P M S R",
        text="Events of one producer arrive in order, across the swap too.",
        why="Readers see an answer before its question, and tools that read the newest line last "
        "take an old value for the current one.",
        fix="Let a producer's next event go to the new sink only after the last one before it "
        "has ended on the old sink.",
    ),
    clause(
        "HR-FLOW-04",
        "drain-before-stop",
        "MUST",
        claims="sinks",
        kinds="M S",
        text="Flush runs after the old G's last event and before its stop; both run even if the "
        "other fails.",
        why="What a sink still has in its buffer is lost when it is closed first.",
        fix="Wait until the old sink's deliveries have ended, call flush, then stop, each in its "
        "own `try`, and report what either raised.",
    ),
    clause(
        "HR-FLOW-05",
        "nothing-outside-lifetime",
        "MUST",
        claims="sinks",
        kinds="M S",
        text="No event reaches a G before its start returned or after its stop began.",
        why="A callback that runs before the plugin is ready, or after it has let go of what it "
        "uses, fails at random: https://github.com/Fexty12573/SharpPluginLoader/issues/29",
        fix="Put a sink into the dispatch table when its start has returned; before its stop, "
        "take it out and wait for its running deliveries.",
    ),
    clause(
        "HR-FLOW-06",
        "add-sees-all-after",
        "MUST",
        claims="sinks",
        kinds="M S",
        text="A sink gets every event accepted after its addition returned.",
        why="The first events are missing, and they are the ones that an operator added the sink "
        "to see.",
        fix="Return from the addition only when every producer reads a dispatch table that has "
        "the new sink.",
    ),
    clause(
        "HR-FLOW-07",
        "remove-sees-none-after",
        "MUST",
        claims="sinks",
        kinds="M S",
        text="A removed sink gets none after removal returned, and had everything accepted before "
        "flushed.",
        why="Data keeps going to a place that the operator believes to be detached: "
        "https://github.com/ClickHouse/ClickHouse/issues/8696",
        fix="Take the sink out of the table, wait for the deliveries that began on it, flush it, "
        "stop it, and return only then.",
    ),
    clause(
        "HR-FLOW-08",
        "sibling-unharmed",
        "MUST",
        claims="sinks",
        kinds="M S",
        text="A sink that raises, hangs or reloads costs its siblings neither an event nor more "
        "than the declared pause; what it raised for is counted as dropped, by a host that counts.",
        why="One output that is being changed stalls all the others: "
        "https://github.com/vectordotdev/vector/issues/24948",
        fix="Deliver to each sink under a guard and a deadline of its own, count where the guard "
        "catches something, and pause only the sink that is being swapped.",
    ),
    clause(
        "HR-FLOW-09",
        "bounded-drain",
        "MUST",
        claims="sinks timeouts",
        kinds="S",
        text="A hung flush ends at its deadline; what it held is rescued to the new G or counted "
        "as dropped, by name.",
        why="A reload or a shutdown waits for ever on one server that does not answer: "
        "https://github.com/vectordotdev/vector/issues/15952",
        fix="Put a deadline on flush; then give what is left to the new generation, or add its "
        "number to the dropped count under the sink's name.",
    ),
    clause(
        "HR-FLOW-10",
        "drain-counts-own-work",
        "MUST",
        claims="sinks",
        kinds="S",
        text="Under constant traffic a drain ends: it waits for the old G's events only.",
        why="Where new traffic is counted too, a busy host never finishes: "
        "https://github.com/Idun-Group/idun-agent-platform/pull/698",
        fix="Count running deliveries for each generation, stop giving the old one new events "
        "first, and wait for its own count.",
    ),
    clause(
        "HR-FLOW-11",
        "stages-agree",
        "MUST",
        claims="stages",
        kinds="M S",
        text="One event passes one consistent set of filters, enrichers, processors and "
        "redactors, in one order: never half old, half new within one plugin; nothing passes "
        "unredacted while a redactor reloads, because it raised, or while the host closes.",
        why="A password slips through between two redactors, or a filter and an enricher of two "
        "versions disagree about a field.",
        fix="Give each event one immutable snapshot of all stages when it is accepted, and swap "
        "this snapshot instead of its members. Accept nothing from when a close begins, or drop "
        "what would have met the redactors that it took out.",
    ),
    clause(
        "HR-FLOW-12",
        "producers-not-blocked",
        "SHOULD",
        claims="sinks",
        kinds="R",
        text="A reload holds producers up for no longer than the declared bound.",
        why="The application that writes the logs stands still while a plugin starts or flushes.",
        fix="Do the slow parts (read, import, start, flush) outside the lock that emit takes, "
        "and buffer within a bound while state moves.",
    ),
)
