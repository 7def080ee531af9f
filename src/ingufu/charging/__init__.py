"""Charging transactions, their meter readings, and what was odd about them."""
