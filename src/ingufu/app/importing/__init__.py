"""Files with stations, tokens and whoever else: read, judged row by row, and written all or none."""
