"""Machinery that knows no capability: storage, bus, secrets, telemetry."""
