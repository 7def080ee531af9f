"""OCPP in its versions: frames, messages and their translation to the domain."""
