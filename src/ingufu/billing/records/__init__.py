"""Charge records: what a session was, what it cost and why, never changed once issued."""
