"""SWAP: the new generation takes over."""

from hot_reload_conformance.contract.clause import clause

CLAUSES = (
    clause(
        "HR-SWAP-01",
        "new-code-serves",
        "MUST",
        claims="reload",
        kinds="E M",
        text="After a successful reload only the new G serves.",
        why="An edit is there, a reload is done, and the bot behaves as before until someone "
        "restarts it: https://github.com/errbotio/errbot/issues/216",
        fix="Make the new module from the bytes on disk, and replace every reference that "
        "dispatch uses: handlers, commands, cached bound methods.",
    ),
    clause(
        "HR-SWAP-02",
        "same-size-same-second",
        "MUST",
        claims="reload",
        kinds="E",
        text="An edit of the same size within the same second takes effect (bytecode writing on; "
        "the check proves that a bytecode file was in play where the host writes one).",
        why="Bytecode files are matched by whole seconds and size, so that a quick second edit "
        "is ignored: https://github.com/python/cpython/issues/75953",
        fix="Read the source and compile these bytes yourself, with the real path as the file "
        "name; do not go through importlib's source loader.",
    ),
    clause(
        "HR-SWAP-03",
        "removed-names-gone",
        "MUST",
        claims="reload",
        kinds="E",
        text="A name, handler or command removed from the source is gone from the new G.",
        why="importlib.reload keeps old definitions, so that a deleted hook went on being "
        "called: https://github.com/mitmproxy/mitmproxy/issues/2315",
        fix="Give each generation a new module object instead of importlib.reload, and build its "
        "handler table from that object alone.",
    ),
    clause(
        "HR-SWAP-04",
        "submodules",
        "MUST",
        claims="packages",
        kinds="E",
        text="An edit in any file of a plugin package takes effect; absolute, relative and late "
        "(inside a function) imports of its own modules reach its own G.",
        why="An author who splits a plugin into several files sees edits of all but the first "
        "ignored: https://github.com/sopel-irc/sopel/issues/1056",
        fix="Load the whole package again under names of its generation, and resolve the imports "
        "inside it, also those that run later, to these names.",
    ),
    clause(
        "HR-SWAP-05",
        "start-before-stop",
        "MUST",
        claims="blue-green",
        kinds="E S",
        text="The new G's start has returned before the old G's stop begins.",
        why="Where the old one is stopped first each reload is an outage as long as the new "
        "one's start, and a start that fails makes it permanent.",
        fix="Await the new generation's start, commit, and only then stop the old one. Leave the "
        "other order to plugins that declare stop-first.",
    ),
    clause(
        "HR-SWAP-06",
        "never-absent",
        "MUST",
        claims="blue-green",
        kinds="E S",
        text="At every moment of a reload, failed or not, a call is answered by exactly one G, "
        "never by none or by both.",
        why='A reader that comes between "clear" and "load" finds nothing at all: '
        "https://github.com/dotnet/runtime/pull/47503",
        fix="Build the new dispatch table beside the old one and replace it by one assignment; "
        "never remove first and add afterwards.",
    ),
    clause(
        "HR-SWAP-07",
        "hook-order",
        "MUST",
        claims="hooks",
        kinds="E M S",
        text="Hooks run in the order that the host declares, once each. Whatever it is: state is "
        "read from the old G before its stop begins and given to the new one after its "
        "construction; in a blue-green host nothing of the old G's shutdown comes before the "
        "commit. The reference: (new) construct → start → gate closes → (old) "
        "get_reload_state → (new) set_reload_state → health_check → on_reload → commit, gate "
        "opens → (old) flush → stop → teardown.",
        why="Plugins are written for one order: a counter that is read after its database was "
        "closed is zero in the next version.",
        fix="Put the order into one function that every reload goes through, and state it in the "
        "adapter's `hook_order` where it differs from the reference.",
    ),
    clause(
        "HR-SWAP-08",
        "no-duplicate-registration",
        "MUST",
        claims="reload",
        kinds="P",
        text="After N reloads each event is handled once, and registries have the size that they "
        "had.",
        why="Handlers pile up until one message is answered once for every reload so far: "
        "https://github.com/swiftly-solution/swiftlys2/issues/331",
        fix="Record what each generation registers, and remove exactly this when the next one's "
        "registrations go in.",
    ),
    clause(
        "HR-SWAP-09",
        "unchanged-is-harmless",
        "MUST",
        claims="reload",
        kinds="E",
        text="Reloading unchanged source leaves an equivalent plugin serving, or says that "
        "nothing changed.",
        why="A second run of the same module may raise where it registers something at import, "
        "and a plugin that worked is broken by a save without a change: "
        "https://github.com/prometheus/client_python/issues/1042",
        fix='Compare the hash of the file with the running one\'s and answer "unchanged", or '
        "treat it as any other reload, with rollback.",
    ),
    clause(
        "HR-SWAP-10",
        "calls-in-flight-finish",
        "MUST",
        claims="blue-green",
        kinds="S",
        text="A call that began on the old G, or an event that it is taking, finishes there before "
        "its stop begins, within the drain deadline, which counts from the hand-over; at its end "
        "the old G is stopped all the same.",
        why="A request that is being answered fails on a closed file or connection, at random, "
        "and only during reloads.",
        fix="Count calls for each generation, send new ones to the new generation after the "
        "commit, and stop the old one when its count is zero or the deadline, set at the commit, "
        "is over.",
    ),
    clause(
        "HR-SWAP-11",
        "old-stop-spares-new",
        "MUST",
        claims="hooks",
        kinds="E",
        text="The old G's stop cannot unregister or close what the new G registered.",
        why="The plugin runs, but its pipe, route or file is gone after the reload: "
        "https://github.com/apache/trafficserver/issues/4635",
        fix="Let a registration be undone only by the generation that made it: compare the "
        "owner, not the name or the path, before you remove.",
    ),
    clause(
        "HR-SWAP-12",
        "exclusive-resource",
        "SHOULD",
        claims="stop-first",
        kinds="R",
        text="A plugin that holds an exclusive resource (a port, a lock file) reloads by the "
        "declared stop-first order, and its old G comes back if the new one fails.",
        why="A port cannot be bound twice, so that a reload that starts the new one first can "
        "never succeed: https://github.com/vectordotdev/vector/pull/2449",
        fix="Read the plugin's declaration, stop the old generation, start the new one, and when "
        "this fails start the old one again from bytes that you kept.",
    ),
    clause(
        "HR-SWAP-13",
        "self-reload",
        "MUST",
        claims="reload",
        kinds="E",
        text="A plugin that asks for its own reload from a hook or handler gets a deferral, which "
        "is kept, or a clear refusal, never a deadlock.",
        why='A "reload" command inside a plugin is a common case, and it can take the whole '
        "program down: https://github.com/hexchat/hexchat/issues/1200",
        fix="Recognise a request from the plugin's own task (a context variable does), answer "
        "that it is queued, and run it after the handler returned.",
    ),
)
