"""OCPP 1.6J as a simulated station speaks it, with the security extension."""
