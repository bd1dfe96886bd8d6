"""The Compose project, and what makes its secrets."""
