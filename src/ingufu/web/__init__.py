"""The web edge: REST API, live events and the console's pages over the same services."""
