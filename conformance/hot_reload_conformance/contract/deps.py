"""DEPS: plugins that need plugins."""

from hot_reload_conformance.contract.clause import clause

CLAUSES = (
    clause(
        "HR-DEPS-01",
        "dependents-follow",
        "MUST",
        claims="dependencies",
        kinds="E M",
        text="After a reload every transitive dependent uses the new G.",
        why="Others keep calling functions of a version that is gone: "
        "https://github.com/openplanet-nl/issues/issues/90",
        fix="Compute the closure of dependents from the manifests and reload it in the same "
        "transaction, or give them proxies that look the dependency up at each call.",
    ),
    clause(
        "HR-DEPS-02",
        "dependency-order",
        "MUST",
        claims="dependencies",
        kinds="P M",
        text="Dependencies start before dependents; dependents stop before dependencies; for any "
        "acyclic graph.",
        why="A plugin starts before what it needs is there, or is still stopping when that is "
        "already closed: https://github.com/openplanet-nl/plugin-manager/issues/17",
        fix="Sort the affected plugins topologically, start in this order and stop in the "
        "reverse; break ties by name, so that runs are alike.",
    ),
    clause(
        "HR-DEPS-03",
        "only-affected",
        "MUST",
        claims="dependencies",
        kinds="P M",
        text="Plugins outside the closure are not touched.",
        why="An edit of one plugin took others off the list, though it did not concern them: "
        "https://github.com/x64dbg/DotX64Dbg/issues/72",
        fix="Take the edited plugin and its transitive dependents, nothing else, and compare "
        "this set with what was touched in a test.",
    ),
    clause(
        "HR-DEPS-04",
        "cascade-is-atomic",
        "MUST",
        claims="dependencies rollback-cascade",
        kinds="E M S",
        text="If one of a cascade fails, all of it rolls back.",
        why="Half of a set runs new code against the old interfaces of the other half: "
        "https://github.com/bitbot-irc/bitbot/issues/179",
        fix="Start all new generations first, commit them together in one assignment, and "
        "release them all when one fails.",
    ),
    clause(
        "HR-DEPS-05",
        "cycle-named",
        "MUST",
        claims="dependencies",
        kinds="E P",
        text="A cycle is refused, naming its members, and changes nothing.",
        why="The loader recurses until it crashes, or starts the plugins in an order that nobody "
        "declared.",
        fix="Look for cycles when manifests are read, before anything runs, and print the path: "
        "a → b → a.",
    ),
    clause(
        "HR-DEPS-06",
        "version-range",
        "MUST",
        claims="dependencies",
        kinds="E",
        text="A new version outside a dependent's declared range is refused before commit.",
        why="The plugins that build on it break at run time, at a call that no longer exists.",
        fix="Compare the new manifest's version with the range of each dependent while you "
        "validate, and name both in the refusal.",
    ),
    clause(
        "HR-DEPS-07",
        "changed-edges",
        "MUST",
        claims="dependencies",
        kinds="E M",
        text="A new version that adds or drops a dependency: new edges for start, old edges for "
        "stop.",
        why="Ordered by the old graph, a new version is started before the plugin that it now "
        "needs.",
        fix="Order starts by the new manifests' edges and stops by those of the running "
        "generations.",
    ),
    clause(
        "HR-DEPS-08",
        "batch",
        "SHOULD",
        claims="dependencies",
        kinds="E",
        text="A batch of changed plugins reloads once each, in order; independent ones in "
        "parallel.",
        why="A checkout that touches ten plugins reloads the one that all of them need ten times.",
        fix="Collect the changes of a burst, unite their closures and reload each member once; "
        "start the members of one level concurrently.",
    ),
    clause(
        "HR-DEPS-09",
        "missing",
        "MUST",
        claims="dependencies",
        kinds="E",
        text="A missing dependency is named; nothing changes.",
        why="An ImportError from inside the plugin does not tell which plugin has to be installed.",
        fix="Compare the declared dependencies with the known plugins before the import, and "
        "name what is missing and who asks for it.",
    ),
)
