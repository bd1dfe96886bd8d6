"""The health service: validates every connection once a day and tells the others what changed."""
