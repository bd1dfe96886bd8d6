"""Point 2: every object against a schema, of Kubernetes or of its custom resource definition.

Definitions are third-party data beside the repository (HELIOGRAPH_REFERENCE). Without them, custom
resources are not checked, and the command says which; with them, a kind that neither knows is a
finding. A definition becomes a JSON schema as a server validates strictly: unknown fields are
refused wherever the definition lists an object's fields.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource

from deploy.checks.k8s.finding import Said
from deploy.checks.k8s.objects import Object, dig, kind_of, of_kind, place
from deploy.checks.k8s.project import NEWEST_KUBERNETES, OLDEST_KUBERNETES, Project
from deploy.checks.k8s.rendering import Render

_COMBINED: Final = frozenset({"allOf", "anyOf", "oneOf", "not"})
_OPEN: Final = ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource")
_KEDA: Final = "keda-scaler-rabbitmq.json"


def schemas(render: Render, project: Project) -> Iterator[Said]:
    """2. Every object passes its schema."""
    definitions = _definitions(project.reference)
    for item in render.objects:
        api, kind = str(item.get("apiVersion")), kind_of(item)
        custom = definitions.get((api, kind))
        if custom is not None:
            yield from _against(item, custom, "its definition")
            continue
        known = False
        for version in (OLDEST_KUBERNETES, NEWEST_KUBERNETES):
            schema = built_in(version, api, kind)
            if schema is not None:
                known = True
                yield from _against(item, schema, f"Kubernetes {version}")
        if not known and (project.reference is not None or _is_built_in(api)):
            yield place(item), f"there is no schema for {api} {kind}"
    yield from _triggers(render, project)


def unchecked(render: Render, project: Project) -> list[str]:
    """The kinds that have no schema here, because the definitions are not at hand."""
    if project.reference is not None:
        return []
    return sorted({kind_of(it) for it in render.objects if not _is_built_in(str(it["apiVersion"]))})


def _is_built_in(api: str) -> bool:
    group = api.rpartition("/")[0]
    of_kubernetes = "." not in group or group.endswith(".k8s.io")
    return of_kubernetes and group != "gateway.networking.k8s.io"


def _against(item: Object, validator: Draft202012Validator, whose: str) -> Iterator[Said]:
    error = best_match(validator.iter_errors(item))
    if error is not None:
        yield place(item), f"{whose} refuses {error.json_path}: {error.message[:200]}"


@functools.cache
def built_in(version: str, api: str, kind: str) -> Draft202012Validator | None:
    """Kubernetes' strict schema of a kind, None where it has none. Read and compiled once: the
    package's own function reads 2 MB of definitions for each object."""
    group, _, number = api.rpartition("/")
    form = f"{group.split('.')[0]}-{number}" if group else number
    path = _folder(version) / f"{kind.lower()}-{form}.json"
    if not path.is_file():
        return None
    schema = json.loads(path.read_text(encoding="utf-8"))
    registry = Resource.from_contents(schema) @ _shared(version)
    return Draft202012Validator(schema, registry=registry)


def _folder(version: str) -> Path:
    data = Path(str(files("kubernetes_validate"))) / "kubernetes-json-schema"
    return data / f"v{version}.0-local-strict"


@functools.cache
def _shared(version: str) -> Registry[Any]:
    text = (_folder(version) / "_definitions.json").read_text(encoding="utf-8")
    registry: Registry[Any] = Registry()
    return Resource.from_contents(json.loads(text)) @ registry


@functools.cache
def _definitions(reference: Path | None) -> Mapping[tuple[str, str], Draft202012Validator]:
    found: dict[tuple[str, str], Draft202012Validator] = {}
    for path in sorted((reference / "crds").glob("*.yaml")) if reference else ():
        definition = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - safe
        spec = definition["spec"]
        for version in spec["versions"]:
            schema = version["schema"]["openAPIV3Schema"]
            for name in ("apiVersion", "kind", "metadata"):
                schema.setdefault("properties", {})[name] = {}
            key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
            found[key] = Draft202012Validator(_strict(schema))
    return found


def _strict(schema: Any, *, combined: bool = False) -> Any:
    """A definition's schema as JSON schema, with unknown fields refused."""
    if isinstance(schema, list):
        return [_strict(part, combined=combined) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        key: {name: _strict(inner, combined=combined) for name, inner in value.items()}
        if key == "properties"
        else _strict(value, combined=combined or key in _COMBINED)
        for key, value in schema.items()
    }
    if schema.get("x-kubernetes-int-or-string") is True:
        made.pop("type", None)
        made["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if schema.get("nullable") is True and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    is_open = "additionalProperties" in schema or any(schema.get(word) for word in _OPEN)
    if "properties" in schema and not is_open and not combined:
        made["additionalProperties"] = False
    return made


def _triggers(render: Render, project: Project) -> Iterator[Said]:
    """The definition takes any metadata; KEDA's own list of the scaler's parameters does not."""
    if project.reference is None:
        return
    text = (project.reference / "crds" / _KEDA).read_text(encoding="utf-8")
    known = {parameter["name"] for parameter in json.loads(text)["scaler"]["parameters"]}
    for scaler in of_kind(render.objects, "ScaledObject"):
        for trigger in dig(scaler, "spec", "triggers", default=()):
            if trigger.get("type") == "rabbitmq":
                for key in trigger.get("metadata", {}):
                    if key.removesuffix("FromEnv") not in known:
                        yield place(scaler), f"KEDA's rabbitmq scaler has no parameter {key}"


_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
