"""The operator console: server-rendered pages, their templates, formats and drawings."""
