"""Checks of what is deployed, each a program: it prints one line a finding, and fails on any."""
