"""The bus between our own processes: live events one way, requests to the holder of a socket the other way."""
