"""The ingress service: authenticate, validate, publish, answer. It makes no business decision."""
