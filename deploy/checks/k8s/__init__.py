"""The 37 points that the manifests in `deploy/k8s` are held to: functions over rendered objects.

`python -m deploy.checks.k8s` renders each overlay without a cluster and prints one line a finding,
`point N: object: what is wrong`. `points.POINTS` is the list. What must agree with the code
(queues, ports, settings, drain limits, metrics) is read from the code, in `project.py`.
"""
