"""Tariffs: what a session costs and why, where each applies, and since when."""
