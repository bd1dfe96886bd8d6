"""The sender: the gate, the sending policy, the provider call, the outcome."""
