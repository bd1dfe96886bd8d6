"""Points 9 to 12: what a pod may do to its node, to the cluster and to its neighbours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from deploy.checks.k8s.finding import Said
from deploy.checks.k8s.objects import Object, dig, labels_of, name_of, of_kind, place, walk
from deploy.checks.k8s.pods import OPERATED_CONTAINERS, Pods, pods
from deploy.checks.k8s.project import OLDEST_KUBERNETES, SERVICES, Project, service_of
from deploy.checks.k8s.rendering import Render

LOWEST_USER: Final = 10_000
OUTSIDE_USERS: Final[Mapping[str, Mapping[str, int]]] = {
    "RabbitmqCluster": {"rabbitmq": 999},
    "MongoDBCommunity": {"mongodb": 2000},
    "StatefulSet": {"rabbitmq": 999, "mongodb": 999},
}
"""Images of others have files for a user of their own, below `LOWEST_USER`."""

_HOST: Final = ("hostNetwork", "hostPID", "hostIPC")


def namespace(render: Render, project: Project) -> Iterator[Said]:
    """9. The namespace enforces, warns and audits the restricted standard, of a pinned version."""
    for item in of_kind(render.objects, "Namespace"):
        labels = labels_of(item)
        for mode in ("enforce", "warn", "audit"):
            level = labels.get(f"pod-security.kubernetes.io/{mode}")
            version = labels.get(f"pod-security.kubernetes.io/{mode}-version")
            if level != "restricted":
                yield place(item), f"{mode} is {level}, not restricted"
            if version != f"v{OLDEST_KUBERNETES}":
                yield place(item), f"{mode}-version is {version}, not v{OLDEST_KUBERNETES}"


def contexts(render: Render, project: Project) -> Iterator[Said]:
    """10. Not root, a seccomp profile, no privilege to gain, a read-only root."""
    for each in pods(render.objects):
        yield from _pod_context(each)
        if service_of(each.name) is not None and not each.operated:
            yield from _image_user(each, project)
        known = {container["name"] for container in each.containers}
        for missing in sorted(OPERATED_CONTAINERS.get(each.kind, frozenset()) - known):
            yield each.place, f"the operator's container {missing} is given no security context"
        for container in each.containers:
            yield from _container_context(each, container)
        yield from _writable(each)


def _pod_context(each: Pods) -> Iterator[Said]:
    context = dig(each.spec, "securityContext", default={})
    if context.get("runAsNonRoot") is not True:
        yield each.place, "runAsNonRoot is not true"
    if dig(context, "seccompProfile", "type") != "RuntimeDefault":
        yield each.place, "seccompProfile is not RuntimeDefault"
    allowed = OUTSIDE_USERS.get(each.kind, {}).get(each.name)
    # Secrets are files of root's, readable for their group alone.
    for volume in each.spec.get("volumes") or ():
        mode = dig(volume, "secret", "defaultMode", default=0o644)
        if "secret" in volume and (mode & 0o007 or context.get("fsGroup") is None):
            yield each.place, f"{volume['name']}: its files are everybody's, or not the service's"
    for field in ("runAsUser", "runAsGroup"):
        number = context.get(field)
        if not isinstance(number, int) or (number < LOWEST_USER and number != allowed):
            yield each.place, f"{field} is {number}, which is no number from {LOWEST_USER} on"


def _image_user(each: Pods, project: Project) -> Iterator[Said]:
    """The image's user and the pod's are one; that there is a Dockerfile is point 26's."""
    path = project.root / "deploy" / "Dockerfile"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    context = dig(each.spec, "securityContext", default={})
    wanted = f"{context.get('runAsUser')}:{context.get('runAsGroup')}"
    users = set(re.findall(r"^USER\s+(\S+)$", text, re.MULTILINE))
    if users and users != {wanted}:
        yield each.place, f"runs as {wanted}, and its image is for {', '.join(sorted(users))}"


def _container_context(each: Pods, container: Object) -> Iterator[Said]:
    context, name = dig(container, "securityContext", default={}), container["name"]
    if context.get("allowPrivilegeEscalation") is not False:
        yield each.place, f"{name}: allowPrivilegeEscalation is not false"
    if context.get("readOnlyRootFilesystem") is not True:
        yield each.place, f"{name}: readOnlyRootFilesystem is not true"
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield each.place, f"{name}: capabilities are not exactly drop: [ALL]"
    if context.get("runAsNonRoot") is False or context.get("runAsUser") == 0:
        yield each.place, f"{name}: runs as root"


def _writable(each: Pods) -> Iterator[Said]:
    for volume in each.spec.get("volumes") or ():
        if set(volume) == {"name"}:
            yield each.place, f"the volume {volume['name']} is of no kind, so an unlimited emptyDir"
        if "emptyDir" in volume and not dig(volume, "emptyDir", "sizeLimit"):
            yield each.place, f"the emptyDir {volume['name']} has no sizeLimit"
    if each.operated:
        return
    for container in each.containers:
        mounts = {it["mountPath"] for it in container.get("volumeMounts") or ()}
        if "/tmp" not in mounts:  # noqa: S108 - a path in a container
            yield each.place, f"{container['name']} has no writable /tmp"


def accounts(render: Render, project: Project) -> Iterator[Said]:
    """11. A ServiceAccount a service, without a token; no rights in the cluster's API."""
    taken: dict[str, str] = {}
    for each in pods(render.objects):
        if each.operated:
            continue
        account = each.spec.get("serviceAccountName", "default")
        expected = "health" if each.kind == "Job" else each.name
        if account != expected:
            yield each.place, f"runs as the ServiceAccount {account}, not {expected}"
        if each.spec.get("automountServiceAccountToken") is not False:
            yield each.place, "automountServiceAccountToken is not false"
        taken[account] = each.name
    for item in of_kind(render.objects, "ServiceAccount"):
        if item.get("automountServiceAccountToken") is not False:
            yield place(item), "automountServiceAccountToken is not false"
        if name_of(item) not in taken:
            yield place(item), "is used by nobody"
    for missing in sorted(SERVICES.keys() - taken.keys()):
        yield f"ServiceAccount/{missing}", "is used by nobody"
    for item in of_kind(render.objects, "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"):
        yield place(item), "no service calls the cluster's API"


def host(render: Render, project: Project) -> Iterator[Said]:
    """12. Nothing of the node, and no variables that Services inject."""
    for each in pods(render.objects):
        for field in _HOST:
            if each.spec.get(field):
                yield each.place, f"{field} is set"
        for path, value in walk(each.spec):
            last = path[-1] if path else ""
            if last in {"hostPath", "hostPort"} or (last == "privileged" and value):
                yield each.place, f"{last} is set"
        if each.spec.get("enableServiceLinks") is not False:
            yield each.place, "enableServiceLinks is not false"
