"""Benchmarks: ours and a rival in turn on the same servers, in the same run."""
