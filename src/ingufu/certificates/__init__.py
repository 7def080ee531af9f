"""Contract certificates of vehicles: chains, trust and revocation."""
