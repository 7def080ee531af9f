"""Where stations stand: places with an address, coordinates and a time zone."""
