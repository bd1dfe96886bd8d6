"""The simulator's section of the README; a test runs its commands' routes against the real app."""

README_SECTION = """\
### The simulator

`python -m local.simulator` stands in for Azure Communication Services SMS and Azure Event Grid on
one machine: it checks signatures, keeps repeatability, shakes hands, retries on the documented
schedule, and fails in the ways that real systems fail.

```sh
python -m local.simulator --port 8500 --number +18005550100 --time-scale 0.01 \\
  --access-key MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=

# Subscribe the webhook to events (Event Grid schema; "cloudevents" is the other).
curl -d '{"url": "http://127.0.0.1:8080/api/webhooks/acs/sms?code=secret"}' \\
  http://127.0.0.1:8500/simulator/subscriptions

# A person texts the number, and waits up to 10 s for the answer.
curl -d '{"from": "+15551230001", "to": "+18005550100", "body": "Hello?"}' \\
  http://127.0.0.1:8500/simulator/texts
curl 'http://127.0.0.1:8500/simulator/phones/+15551230001?wait_for=1&timeout=10'

# The next send is accepted, but the connection is cut before the answer.
curl -X PUT -d '{"cut_after_accept": {"count": 1}}' http://127.0.0.1:8500/simulator/faults

# Everything that happens, as it happens.
curl -N http://127.0.0.1:8500/simulator/stream
```
"""
