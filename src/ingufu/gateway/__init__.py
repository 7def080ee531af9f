"""Where stations connect: sockets, handshake, and the way in for their messages."""
