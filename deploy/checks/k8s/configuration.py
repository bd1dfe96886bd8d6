"""Point 7: what is set is read, what is required is set, and the settings class takes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from common.settings import PREFIX, ServiceSettings
from deploy.checks.k8s.finding import Said
from deploy.checks.k8s.objects import Object, dig, for_grafana, named, of_kind
from deploy.checks.k8s.pods import Pods, pods
from deploy.checks.k8s.project import Project, Service, service_of
from deploy.checks.k8s.rendering import Render
from deploy.checks.k8s.secrets import plain_values
from health.preparing import _LONGEST_BUILD

NEVER_IN_PRODUCTION: Final = (
    "trust_command_identity",
    "failpoint",
    "provider_addresses",
    "health_allow_loopback_providers",
)
"""Settings for tests and for one machine."""

_STAND_INS: Final[Mapping[str, str]] = {
    "rabbitmq_url": "amqp://user:word@rabbitmq:5672/",
    "mongodb_uri": "mongodb://user:word@mongodb-svc:27017/?replicaSet=mongodb",
    "master_key": f"k1:{'A' * 43}=",
    "webhook_secrets": "word",
    "rabbitmq_management_url": "http://user:word@rabbitmq:15672/",
}
"""What a Secret outside of the render may hold, so that the rest can be judged."""


def settings(render: Render, project: Project) -> Iterator[Said]:
    """7. Every variable is a setting of its service, and all of them together are usable."""
    for each in pods(render.objects):
        service = service_of(each.name)
        if service is None or each.kind not in {"Deployment", "Job"}:
            continue
        for container in each.containers:
            given = environment(render.objects, container)
            yield from _known(each, given, service.settings)
            values = fields(given, service.settings, mounted(render.objects, each))
            yield from _usable(each, values, service.settings)
            yield from _listens(each, service, loaded(render.objects, each))
            if render.production:
                yield from _fit_for_production(each, values, service.settings)
    yield from _prepared(render)
    used = {
        dig(source, "configMapRef", "name")
        for each in pods(render.objects)
        for container in each.containers
        for source in container.get("envFrom") or ()
    }
    for item in of_kind(render.objects, "ConfigMap"):
        if item["metadata"]["name"] not in used and not for_grafana(item):
            yield f"ConfigMap/{item['metadata']['name']}", "no container reads it"


def _fit_for_production(
    each: Pods, values: Mapping[str, str], settings: type[ServiceSettings]
) -> Iterator[Said]:
    for name in NEVER_IN_PRODUCTION:
        if name in values:
            yield each.place, f"{PREFIX}{name.upper()} is for tests and one machine"
    if "public_webhook_url" in settings.model_fields and "public_webhook_url" not in values:
        yield each.place, "does not know where providers reach the webhook"
    doors = {"webhook_secrets", "webhook_entra_tenant_id"}
    if doors & settings.model_fields.keys() and not doors & values.keys():
        yield each.place, "takes deliveries from anybody"


def _prepared(render: Render) -> Iterator[Said]:
    """Who makes the schema: the Job, which has the time that an index may take, and nobody else."""
    for each in pods(render.objects):
        if each.kind == "Job" and each.owner["spec"]["activeDeadlineSeconds"] <= _LONGEST_BUILD:
            yield each.place, f"is ended before an index has had its {_LONGEST_BUILD:g} seconds"
        given = loaded(render.objects, each)
        if given is not None and given.schema_at_start:
            yield (
                each.place,
                "makes indexes when it starts, beside the Job that has the time for it",
            )


def _listens(each: Pods, service: Service, given: ServiceSettings | None) -> Iterator[Said]:
    """The ports that it names are those on which its settings make it listen."""
    if each.kind == "Job" or given is None:
        return
    wanted = {port: getattr(given, setting) for port, setting in service.listens.items()}
    if dict(each.ports) != wanted:
        yield each.place, f"names the ports {dict(each.ports)}, and listens on {wanted}"


def environment(objects: Sequence[Object], container: Object) -> dict[str, str | None]:
    """A container's variables; None for a value that is not in the render."""
    secret = {(item["metadata"]["name"], key): value for item, key, value in plain_values(objects)}
    given: dict[str, str | None] = {}
    for source in container.get("envFrom") or ():
        found = named(objects, "ConfigMap", dig(source, "configMapRef", "name", default=""))
        given |= dig(found, "data", default={})
    for variable in container.get("env") or ():
        reference = dig(variable, "valueFrom", "secretKeyRef")
        if reference is not None:
            given[variable["name"]] = secret.get((reference["name"], reference["key"]))
        else:
            given[variable["name"]] = variable.get("value")
    return given


def mounted(objects: Sequence[Object], each: Pods) -> dict[str, str]:
    """What the files hold that are mounted from Secrets of the render, by file name."""
    secrets = {dig(it, "secret", "secretName") for it in each.spec.get("volumes") or ()}
    return {
        key: value
        for item, key, value in plain_values(objects)
        if item["metadata"]["name"] in secrets
    }


def fields(
    given: Mapping[str, str | None], settings: type[ServiceSettings], files: Mapping[str, str]
) -> dict[str, str]:
    """The settings that the variables give, by field; a stand-in for what is in Secrets outside."""
    found: dict[str, str] = {}
    for name in settings.model_fields:
        plain, file = f"{PREFIX}{name.upper()}", f"{PREFIX}{name.upper()}_FILE"
        if file in given or (plain in given and given[plain] is None):
            key = str(given.get(file)).rpartition("/")[2]
            found[name] = files.get(key, _STAND_INS.get(name, ""))
        elif plain in given:
            found[name] = str(given[plain])
    return found


def loaded(objects: Sequence[Object], each: Pods) -> ServiceSettings | None:
    """The settings that these pods start with, None where they could not."""
    service = service_of(each.name)
    if service is None:
        return None
    given = environment(objects, each.containers[0])
    values: dict[str, Any] = fields(given, service.settings, mounted(objects, each))
    try:
        return service.settings(**values)
    except ValidationError:
        return None


def _known(
    each: Pods, given: Mapping[str, str | None], settings: type[ServiceSettings]
) -> Iterator[Said]:
    read = {
        f"{PREFIX}{name.upper()}{form}" for name in settings.model_fields for form in ("", "_FILE")
    }
    for name in sorted(given.keys() - read):
        yield each.place, f"{name} is no setting that it reads"
    for name in given:
        if f"{name}_FILE" in given:
            yield each.place, f"{name} and {name}_FILE are both set"


def _usable(
    each: Pods, values: Mapping[str, Any], settings: type[ServiceSettings]
) -> Iterator[Said]:
    for name, field in settings.model_fields.items():
        if field.is_required() and name not in values:
            yield each.place, f"{PREFIX}{name.upper()} is required and not set"
    # In a cluster the servers are never on the same machine, which is what the defaults suit.
    for name in ("rabbitmq_url", "mongodb_uri"):
        if name not in values:
            yield each.place, f"{PREFIX}{name.upper()} is not set"
    try:
        settings(**values)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            where = f"{PREFIX}{str(problem['loc'][0]).upper()}" if problem["loc"] else "settings"
            yield each.place, f"{where}: {problem['msg']}"
