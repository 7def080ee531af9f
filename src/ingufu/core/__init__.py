"""Vocabulary shared by every layer: ids, quantities, time, errors, events, commands. No I/O."""
