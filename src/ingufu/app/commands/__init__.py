"""The commands of the command line, one module a noun; imported only when asked for, since a server lives long."""
