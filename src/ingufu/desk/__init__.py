"""What people keep for themselves in the console: the filters of lists, saved under a name."""
