"""State in MongoDB. `records` and `ports` say what is kept and what can be done with it; the other
modules do it. `directory` is the read side, all that the webhook may import besides those."""
