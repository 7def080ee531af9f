"""Which stations, EVSEs and connectors shall serve: what was asked, and whether it is so."""
