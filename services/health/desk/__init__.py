"""What can be done with connections, numbers, agents, held texts: the same for API and console."""
