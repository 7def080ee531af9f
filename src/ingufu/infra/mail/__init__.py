"""Mail to people: kept with the change that it tells of, sent by a job, tried again until it is taken."""
