"""The contract: every clause, as data. Checks, ids, reports and documents come from here."""
