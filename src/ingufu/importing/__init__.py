"""Files with stations, cards and whoever else: read, judged row by row, written so that again is the same."""
