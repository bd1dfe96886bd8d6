"""The usual handlers: what a good engineer writes who takes one message at a time.

They give what ours give (the same durability, the same confirms, the same turn) and are spared what
ours do beside it: validation, leases and the mark of hand-over, consent, metrics, traces.
"""
