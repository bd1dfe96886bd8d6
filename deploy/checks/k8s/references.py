"""Point 5: whatever is named is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from deploy.checks.k8s.finding import Said
from deploy.checks.k8s.objects import Object, dig, kind_of, name_of, named, of_kind, place, walk
from deploy.checks.k8s.outside import OUTSIDE
from deploy.checks.k8s.pods import Pods, pods, service_names
from deploy.checks.k8s.project import Project
from deploy.checks.k8s.rendering import Render
from deploy.checks.k8s.secrets import plain_values


def references(render: Render, project: Project) -> Iterator[Said]:
    """5. Ports, volumes, Secrets, ConfigMaps, accounts, targets and classes resolve."""
    known = pods(render.objects)
    there = There(render)
    for each in known:
        yield from _pod(each, there)
    yield from _ports(render, known)
    for item in render.objects:
        by = NAMED_BY.get(kind_of(item))
        for kind, name in by(item["spec"]) if by is not None else ():
            if not there.has(kind, name):
                yield place(item), f"names the {kind} {name}, which nobody makes"
    for item in of_kind(render.objects, "TriggerAuthentication", "MongoDBCommunity"):
        passwords = (it["passwordSecretRef"] for it in dig(item, "spec", "users", default=()))
        for it in (*dig(item, "spec", "secretTargetRef", default=()), *passwords):
            key = it.get("key", "password")
            if key not in (there.keys("Secret", it["name"]) or ()):
                yield place(item), f"the Secret {it['name']} has no key {key}"
    yield from _routes(render)
    yield from _hosts(render)


@dataclass(frozen=True)
class There:
    """What there is, made by us, by an operator for us, or outside."""

    render: Render

    def has(self, kind: str, name: str) -> bool:
        """Whether an object is there."""
        if (kind, name) in OUTSIDE:
            return True
        if kind == "Secret":
            return self.keys("Secret", name) is not None
        if kind == "Service":
            return name in service_names(self.render.objects)
        if kind == "PriorityClass" and name.startswith("system-"):
            return True
        return named(self.render.objects, kind, name) is not None

    def keys(self, kind: str, name: str) -> set[str] | None:
        """The keys of a Secret or ConfigMap, None where there is none."""
        found = named(self.render.objects, kind, name)
        if found is not None:
            return {*(found.get("data") or ()), *(found.get("stringData") or ())}
        if kind == "Secret":
            for item in of_kind(self.render.objects, "ExternalSecret"):
                if dig(item, "spec", "target", "name", default=name_of(item)) == name:
                    return {entry["secretKey"] for entry in dig(item, "spec", "data", default=())}
            for item in of_kind(self.render.objects, "Certificate"):
                if dig(item, "spec", "secretName") == name:
                    return {"tls.crt", "tls.key"}
        return None


Named = Iterator[tuple[str, str]]
"""What an object names, as kind and name."""


def _by_scaler(spec: Object) -> Named:
    target = spec["scaleTargetRef"]
    yield target.get("kind", "Deployment"), target["name"]
    for trigger in spec.get("triggers", ()):
        reference = trigger.get("authenticationRef")
        if reference:
            yield reference.get("kind", "TriggerAuthentication"), reference["name"]


def _by_gateway(spec: Object) -> Named:
    yield "GatewayClass", spec["gatewayClassName"]
    for listener in spec.get("listeners", ()):
        for it in dig(listener, "tls", "certificateRefs", default=()):
            yield it.get("kind", "Secret"), it["name"]


def _one(kind: str, *path: str) -> Callable[[Object], Named]:
    """What stands at a path: a name, or a reference that may say its kind."""

    def by(spec: Object) -> Named:
        found = dig(spec, *path)
        if isinstance(found, dict):
            yield found.get("kind", kind), found["name"]
        elif found:
            yield kind, str(found)

    return by


NAMED_BY: Final[Mapping[str, Callable[[Object], Named]]] = {
    "ScaledObject": _by_scaler,
    "HorizontalPodAutoscaler": _by_scaler,
    "TriggerAuthentication": lambda spec: (
        ("Secret", it["name"]) for it in spec.get("secretTargetRef", ())
    ),
    "ExternalSecret": _one("SecretStore", "secretStoreRef"),
    "Certificate": _one("Issuer", "issuerRef"),
    "Gateway": _by_gateway,
    "HTTPRoute": lambda spec: (
        (it.get("kind", "Gateway"), it["name"]) for it in spec["parentRefs"]
    ),
    "StatefulSet": _one("Service", "serviceName"),
    "RabbitmqCluster": _one("Secret", "secretBackend", "externalSecret"),
    "MongoDBCommunity": lambda spec: (
        ("Secret", it["passwordSecretRef"]["name"]) for it in spec.get("users", ())
    ),
}
"""What an object that is no workload names, by its kind."""


def _pod(each: Pods, there: There) -> Iterator[Said]:
    spec = each.spec
    for kind, field in (
        ("ServiceAccount", "serviceAccountName"),
        ("PriorityClass", "priorityClassName"),
    ):
        if field in spec and not there.has(kind, spec[field]):
            yield each.place, f"{field} {spec[field]}: there is no such {kind}"
    volumes: dict[str, Mapping[str, Any]] = {it["name"]: it for it in spec.get("volumes") or ()}
    claims = dig(each.owner, "spec", "volumeClaimTemplates", default=()) or ()
    volumes |= {it["metadata"]["name"]: {} for it in claims}
    for name, volume in volumes.items():
        for kind, found in (
            ("Secret", dig(volume, "secret", "secretName")),
            ("ConfigMap", dig(volume, "configMap", "name")),
            ("PersistentVolumeClaim", dig(volume, "persistentVolumeClaim", "claimName")),
        ):
            if found and not there.has(kind, found):
                yield each.place, f"volume {name}: there is no {kind} {found}"
    for container in each.containers:
        for mount in container.get("volumeMounts") or ():
            if mount["name"] not in volumes:
                yield each.place, f"mounts {mount['name']}, of which there is no volume"
        yield from _environment(each, container, volumes, there)
    yield from _unread(each, there)


def _unread(each: Pods, there: There) -> Iterator[Said]:
    """Every key of a mounted Secret of our own is named by a variable, but in the Job, which needs
    less than the service whose Secret it has."""
    if each.kind != "Deployment":
        return
    named_files = {
        str(variable.get("value")).rpartition("/")[2]
        for container in each.containers
        for variable in container.get("env") or ()
    }
    for volume in each.spec.get("volumes") or ():
        secret = dig(volume, "secret", "secretName")
        for key in sorted((there.keys("Secret", str(secret)) or set()) - named_files):
            yield each.place, f"nothing reads the key {key} of the Secret {secret}"


def _environment(
    each: Pods, container: Object, volumes: Mapping[str, Mapping[str, Any]], there: There
) -> Iterator[Said]:
    for source in container.get("envFrom") or ():
        for kind, field in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
            if field in source and not there.has(kind, source[field]["name"]):
                yield each.place, f"envFrom: there is no {kind} {source[field]['name']}"
    for variable in container.get("env") or ():
        for kind, field in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
            reference = dig(variable, "valueFrom", field)
            if reference:
                keys = there.keys(kind, reference["name"])
                if keys is None or reference["key"] not in keys:
                    where = f"{kind} {reference['name']}, {reference['key']}"
                    yield each.place, f"{variable['name']}: there is no {where}"
        name, path = str(variable["name"]), str(variable.get("value"))
        if name.endswith("_FILE") and not _file_is_there(path, container, volumes, there):
            yield each.place, f"{name}: no mounted key is {path}"


def _file_is_there(
    path: str, container: Object, volumes: Mapping[str, Mapping[str, Any]], there: There
) -> bool:
    folder, _, key = path.rpartition("/")
    for mount in container.get("volumeMounts") or ():
        if mount["mountPath"].rstrip("/") == folder:
            secret = dig(volumes.get(mount["name"], {}), "secret", "secretName")
            return key in (there.keys("Secret", str(secret)) or ())
    return False


def _ports(render: Render, known: list[Pods]) -> Iterator[Said]:
    for each in known:
        for container in each.containers:
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                for path, value in walk(container.get(probe) or {}):
                    if (
                        path
                        and path[-1] == "port"
                        and value not in (*each.ports, *each.ports.values())
                    ):
                        yield each.place, f"{probe}: there is no port {value}"
    by_name = {each.labels.get("app.kubernetes.io/name"): each for each in known}
    for service in of_kind(render.objects, "Service"):
        each_ports = _ports_of(by_name, dig(service, "spec", "selector", default={}))
        for port in dig(service, "spec", "ports", default=()):
            target = port.get("targetPort", port["port"])
            if target not in (*each_ports, *each_ports.values()):
                yield place(service), f"targetPort {target}: its pods have no such port"
    for monitor in of_kind(render.objects, "PodMonitor"):
        each_ports = _ports_of(by_name, dig(monitor, "spec", "selector", "matchLabels", default={}))
        for end in dig(monitor, "spec", "podMetricsEndpoints", default=()):
            if each_ports and end.get("port") not in each_ports:
                yield place(monitor), f"port {end.get('port')}: its pods have no such port"


def _ports_of(by_name: Mapping[str | None, Pods], labels: Mapping[str, str]) -> Mapping[str, int]:
    each = by_name.get(labels.get("app.kubernetes.io/name"))
    return each.ports if each is not None else {}


def _routes(render: Render) -> Iterator[Said]:
    for route in of_kind(render.objects, "HTTPRoute"):
        for rule in dig(route, "spec", "rules", default=()):
            for backend in rule.get("backendRefs") or ():
                service = named(render.objects, "Service", backend["name"])
                ports = {it["port"] for it in dig(service, "spec", "ports", default=())}
                if backend.get("port") not in ports:
                    yield (
                        place(route),
                        f"no Service {backend['name']} has port {backend.get('port')}",
                    )
        for parent in dig(route, "spec", "parentRefs", default=()):
            gateway = named(render.objects, "Gateway", parent["name"])
            listeners = {it["name"] for it in dig(gateway, "spec", "listeners", default=())}
            if parent.get("sectionName") not in listeners:
                yield place(route), f"the gateway has no listener {parent.get('sectionName')}"


def _hosts(render: Render) -> Iterator[Said]:
    """Addresses in Secrets that are in the render lead to Services that are."""
    known = service_names(render.objects)
    for item, key, value in plain_values(render.objects):
        host = urlsplit(value).hostname if "://" in value else None
        # `service`, or `pod.service` of a headless one.
        if host is not None and not known & set(host.split(".")[:2]):
            yield place(item), f"{key}: there is no Service for the host {host}"
