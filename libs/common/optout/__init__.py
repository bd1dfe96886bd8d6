"""Opt-outs: what is one, whatever its words, and who answers it. Pure."""
