"""Energy truth: what a session's energy is, how sure that is and why, held against registers and signed readings."""
