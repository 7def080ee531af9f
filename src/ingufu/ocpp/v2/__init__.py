"""OCPP 2.0.1 and 2.1, one family: 2.1 holds all that 2.0.1 holds."""
