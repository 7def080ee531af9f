"""Reservations of EVSEs: made, sent to the station, used, expired, not used."""
