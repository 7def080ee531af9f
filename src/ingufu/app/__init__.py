"""Assembly: settings in, a running server out."""
