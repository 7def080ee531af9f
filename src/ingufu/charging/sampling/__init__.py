"""What stations measure, how often: asked for by name, tried one by one where a list is refused, and remembered."""
