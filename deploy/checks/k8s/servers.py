"""Point 37: broker and database, of three nodes in production and of one on one node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from common.bus.topology import DELIVERY_LIMIT, SERVICES
from deploy.checks.k8s.configuration import loaded
from deploy.checks.k8s.finding import Said
from deploy.checks.k8s.objects import Object, dig, named, of_kind, place
from deploy.checks.k8s.pods import pods
from deploy.checks.k8s.project import Project
from deploy.checks.k8s.rendering import Render
from deploy.checks.k8s.scheduling import HOST, ZONE
from deploy.checks.k8s.validity import quantity

MEMBERS: Final = 3
_LONG: Final = 60
"""Seconds that a server has to write down what it holds."""


def servers(render: Render, project: Project) -> Iterator[Said]:
    """37. RabbitmqCluster and MongoDBCommunity of three; else StatefulSets that can start alone."""
    if render.production:
        broker = named(render.objects, "RabbitmqCluster", "rabbitmq")
        if broker is None:
            yield "RabbitmqCluster/rabbitmq", "is not there"
        else:
            yield from _broker(broker)
        database = named(render.objects, "MongoDBCommunity", "mongodb")
        if database is None:
            yield "MongoDBCommunity/mongodb", "is not there"
        else:
            yield from _database(database)
            yield from _rights(render, database)
    for item in of_kind(render.objects, "StatefulSet"):
        yield from _alone(render, item)
    yield from _queues()


def _broker(item: Object) -> Iterator[Said]:
    spec, where = item["spec"], place(item)
    if spec.get("replicas") != MEMBERS:
        yield where, f"has {spec.get('replicas')} nodes, not {MEMBERS}"
    memory = [
        quantity(dig(spec, "resources", kind, "memory", default=""))
        for kind in ("requests", "limits")
    ]
    if memory[0] is None or memory[0] != memory[1]:
        yield where, "its memory request is not its limit"
    if not quantity(dig(spec, "persistence", "storage", default="")):
        yield where, "keeps nothing on disk"
    words = _configuration(str(dig(spec, "rabbitmq", "additionalConfig", default="")))
    if words.get("cluster_partition_handling") != "pause_minority":
        yield where, "a minority goes on by itself (cluster_partition_handling)"
    # The operator sets an absolute limit of 2 GB, beside which a relative one has no effect.
    free = quantity(words.get("disk_free_limit.absolute", "").removesuffix("B"))
    if free is None or (memory[1] is not None and free < memory[1]):
        yield where, "its disk_free_limit.absolute is not at least its memory"
    if words.get("default_queue_type") != "quorum":
        yield where, "queues of others are not quorum queues"
    made = dig(spec, "override", "statefulSet", "spec", default={})
    yield from _spread(where, dig(made, "template", "spec", default={}))
    if made.get("podManagementPolicy") != "Parallel":
        yield where, "nodes that stopped together wait for one another (podManagementPolicy)"
    if spec.get("terminationGracePeriodSeconds", 0) < _LONG:
        yield where, "has too little time to stop"


def _configuration(text: str) -> dict[str, str]:
    lines = [line.partition("=") for line in text.splitlines() if "=" in line]
    return {key.strip(): value.strip() for key, _, value in lines}


def _database(item: Object) -> Iterator[Said]:
    spec, where = item["spec"], place(item)
    if spec.get("members") != MEMBERS or spec.get("type") != "ReplicaSet":
        yield where, f"is not a replica set of {MEMBERS}"
    modes = dig(spec, "security", "authentication", "modes", default=())
    if not modes or any(not str(mode).startswith("SCRAM") for mode in modes):
        yield where, f"authenticates by {modes}, not by SCRAM"
    if dig(spec, "additionalConnectionStringConfig", "w") != "majority":
        yield where, "w is not majority in its connection strings"
    made = dig(spec, "statefulSet", "spec", default={})
    claims = {dig(it, "metadata", "name") for it in made.get("volumeClaimTemplates") or ()}
    if "data-volume" not in claims:
        yield where, "does not say how much it keeps on disk (data-volume)"
    yield from _spread(where, dig(made, "template", "spec", default={}))


def _rights(render: Render, item: Object) -> Iterator[Said]:
    """The services' user may write in the database that they use."""
    used = {
        given.mongodb_database
        for each in pods(render.objects)
        if (given := loaded(render.objects, each)) is not None
    }
    writable = {
        role.get("db")
        for user in dig(item, "spec", "users", default=())
        for role in user.get("roles") or ()
        if role.get("name") == "readWrite"
    }
    for name in sorted(used - writable):
        yield place(item), f"no user of it may write in the database {name}"


def _spread(where: str, spec: Mapping[str, Any]) -> Iterator[Said]:
    found = {it.get("topologyKey") for it in spec.get("topologySpreadConstraints") or ()}
    for key in (ZONE, HOST):
        if key not in found:
            yield where, f"its members are not spread by {key}"


def _alone(render: Render, item: Object) -> Iterator[Said]:
    spec, where = item["spec"], place(item)
    if spec.get("podManagementPolicy") != "Parallel":
        yield where, "nodes that stopped together wait for one another (podManagementPolicy)"
    service = named(render.objects, "Service", str(spec.get("serviceName")))
    if dig(service, "spec", "clusterIP") != "None":
        yield where, "its Service is not headless"
    if not dig(service, "spec", "publishNotReadyAddresses"):
        yield where, "cannot find itself by name before it is ready"
    if dig(spec, "template", "spec", "terminationGracePeriodSeconds", default=30) < _LONG:
        yield where, "has too little time to stop"
    claims = spec.get("volumeClaimTemplates") or ()
    mounted = {
        mount["name"]
        for container in dig(spec, "template", "spec", "containers", default=())
        for mount in container.get("volumeMounts") or ()
    }
    kept = [
        claim
        for claim in claims
        if dig(claim, "metadata", "name") in mounted
        and quantity(dig(claim, "spec", "resources", "requests", "storage", default=""))
    ]
    if not kept or len(kept) < len(claims):
        yield where, "keeps nothing on disk"
    if spec.get("replicas") != 1:
        yield where, "is of more than one node: use the operator"


def _queues() -> Iterator[Said]:
    """What the code declares on the broker; `consumed` queues have the limit of deliveries."""
    for queue in SERVICES.queues:
        if queue.arguments.get("x-queue-type") != "quorum":
            yield f"queue/{queue.name}", "is no quorum queue"
        is_work = not queue.name.startswith(("dead.", "wait."))
        if is_work and queue.arguments.get("x-delivery-limit") != DELIVERY_LIMIT:
            yield f"queue/{queue.name}", "has no delivery limit"
