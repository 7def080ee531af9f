"""Documents as people and machines read them: HTML, PDF, JSON, and UBL for EN 16931."""
