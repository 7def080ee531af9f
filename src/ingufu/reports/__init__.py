"""Figures by day, site and EVSE, gathered ahead of time."""
