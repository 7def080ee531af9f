"""Stations, their EVSEs and connectors: identity, approval, boot, status, connection attempts, raw frames."""
