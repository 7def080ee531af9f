"""Measurements of the real server beside the floor: a bare echo server on the same WebSocket library."""
