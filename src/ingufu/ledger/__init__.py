"""The ledger: double entry, append-only, in every currency summing to zero at any time."""
