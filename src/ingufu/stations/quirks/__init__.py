"""What is known to be odd about stations of which vendor, model and firmware, as data, and what is done about it."""
