"""Who runs the network: organisations, users and their roles, API keys, sessions, the audit trail."""
