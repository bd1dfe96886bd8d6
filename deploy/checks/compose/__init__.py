"""The Compose project: judged by the real Compose, then by rules that read values from code."""
