"""What stations are set to and what they should be: variables, reports, templates, drift, network profiles."""
