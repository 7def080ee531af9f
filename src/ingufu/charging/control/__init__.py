"""What is asked of transactions beyond their record: remote starts that are awaited, limits, priority, messages."""
