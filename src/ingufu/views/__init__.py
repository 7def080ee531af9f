"""Read-only queries that join capabilities, for lists, dashboards and exports."""
