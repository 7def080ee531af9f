"""Ingufu: a charging station management system."""
