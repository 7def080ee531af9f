"""The demo: a network that never was, with months behind it, and the stations that bring it to life."""
