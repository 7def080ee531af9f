"""Who may charge: drivers, id tokens, groups, and the decision with its reason."""
