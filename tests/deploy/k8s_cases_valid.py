"""Points 1 to 8: what renders, fits together and is named right.

Each function breaks one thing in a copy of an overlay.
"""

from __future__ import annotations

import base64
import copy
from dataclasses import replace

from deploy.checks.k8s.objects import NAME_LABEL
from tests.deploy.k8s_world import Broken, Cases

CASES = Cases()


@CASES.case(1, "dev", "kustomize exits with 1")
def _it_does_not_render(b: Broken) -> None:
    b.render = replace(b.render, code=1, warnings="no such file")


@CASES.case(1, "production", "kustomize warns")
def _a_field_is_deprecated(b: Broken) -> None:
    b.render = replace(b.render, warnings="# Warning: 'commonLabels' is deprecated.")


@CASES.case(1, "production", "two renders differ")
def _it_is_different_each_time(b: Broken) -> None:
    b.render = replace(b.render, again=b.render.text + "#")


@CASES.case(2, "dev", "refuses $.spec.template.spec")
def _a_field_is_misspelt(b: Broken) -> None:
    b.pod("webhook")["prioritClassName"] = "x"


@CASES.case(2, "dev", "refuses $.spec.replicas")
def _a_number_is_a_text(b: Broken) -> None:
    b.get("Deployment", "health")["spec"]["replicas"] = "2"


@CASES.case(2, "dev", "Kubernetes 1.31 refuses")
def _a_field_is_newer_than_the_oldest_cluster(b: Broken) -> None:
    b.container("webhook")["lifecycle"]["stopSignal"] = "SIGTERM"


@CASES.case(3, "dev", "is no quantity")
def _memory_is_measured_in_gx(b: Broken) -> None:
    b.container("sender")["resources"]["limits"]["memory"] = "1Gx"


@CASES.case(3, "dev", "above its limit")
def _a_request_is_above_its_limit(b: Broken) -> None:
    b.container("sender")["resources"]["requests"]["memory"] = "1Gi"


@CASES.case(3, "production", "sizeLimit: 'much' is no quantity")
def _a_size_limit_is_a_word(b: Broken) -> None:
    b.pod("sender")["volumes"][0]["emptyDir"]["sizeLimit"] = "much"


@CASES.case(4, "dev", "does not take its own template")
def _a_selector_is_unlike_its_template(b: Broken) -> None:
    b.get("Deployment", "sender")["spec"]["selector"]["matchLabels"][NAME_LABEL] = "senders"


@CASES.case(4, "dev", "its selector takes sender")
def _the_health_service_selects_the_sender(b: Broken) -> None:
    b.get("Service", "health")["spec"]["selector"][NAME_LABEL] = "sender"


@CASES.case(4, "production", "its selector takes no pod")
def _a_budget_selects_nobody(b: Broken) -> None:
    b.get("PodDisruptionBudget", "mongodb")["spec"]["selector"]["matchLabels"] = {
        NAME_LABEL: "mongo"
    }


@CASES.case(4, "production", "spreads by")
def _a_spread_counts_another_service(b: Broken) -> None:
    b.pod("sender")["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"][NAME_LABEL] = (
        "health"
    )


@CASES.case(4, "production", "a peer takes []")
def _a_policy_s_peer_is_nobody(b: Broken) -> None:
    b.get("NetworkPolicy", "sender")["spec"]["egress"][0]["to"][0]["podSelector"]["matchLabels"][
        NAME_LABEL
    ] = "rabbit"


@CASES.case(5, "dev", "there is no port mgmt")
def _a_probe_asks_a_port_that_is_not_there(b: Broken) -> None:
    b.container("webhook")["livenessProbe"]["httpGet"]["port"] = "mgmt"


@CASES.case(5, "dev", "there is no PersistentVolumeClaim gone")
def _a_claim_is_not_there(b: Broken) -> None:
    claim = {"claimName": "gone"}
    b.pod("sender")["volumes"].append({"name": "more", "persistentVolumeClaim": claim})


@CASES.case(5, "dev", "of which there is no volume")
def _a_mount_has_no_volume(b: Broken) -> None:
    b.pod("sender")["volumes"].pop(0)


@CASES.case(5, "dev", "there is no Secret")
def _a_secret_is_missing(b: Broken) -> None:
    b.drop("Secret", "sender-secrets")


@CASES.case(5, "production", "no mounted key is")
def _a_key_is_missing_in_the_store(b: Broken) -> None:
    b.get("ExternalSecret", "webhook-secrets")["spec"]["data"].pop()


@CASES.case(5, "production", "names the Secret keda-secrets")
def _keda_s_secret_is_missing(b: Broken) -> None:
    b.drop("ExternalSecret", "keda-secrets")


@CASES.case(5, "production", "has no key host")
def _keda_s_key_is_missing(b: Broken) -> None:
    b.get("TriggerAuthentication", "rabbitmq")["spec"]["secretTargetRef"][0]["key"] = "host"


@CASES.case(5, "production", "envFrom: there is no ConfigMap")
def _a_configmap_is_missing(b: Broken) -> None:
    b.drop("ConfigMap", "settings")


@CASES.case(5, "production", "there is no such ServiceAccount")
def _an_account_is_missing(b: Broken) -> None:
    b.drop("ServiceAccount", "sender")


@CASES.case(5, "production", "there is no such PriorityClass")
def _a_priority_class_is_missing(b: Broken) -> None:
    b.drop("PriorityClass", "heliograph-work")


@CASES.case(5, "production", "names the Deployment worker")
def _an_autoscaler_has_no_target(b: Broken) -> None:
    b.get("ScaledObject", "sender")["spec"]["scaleTargetRef"]["name"] = "worker"


@CASES.case(5, "production", "names the TriggerAuthentication broker")
def _a_trigger_has_no_credentials(b: Broken) -> None:
    b.get("ScaledObject", "sender")["spec"]["triggers"][0]["authenticationRef"]["name"] = "broker"


@CASES.case(5, "production", "no Service webhook has port 80")
def _a_route_leads_nowhere(b: Broken) -> None:
    b.get("HTTPRoute", "webhook")["spec"]["rules"][0]["backendRefs"][0]["port"] = 80


@CASES.case(5, "production", "names the ClusterIssuer theirs")
def _an_issuer_is_not_declared_as_outside(b: Broken) -> None:
    b.get("Certificate", "webhook")["spec"]["issuerRef"]["name"] = "theirs"


@CASES.case(5, "dev", "there is no Service for the host rabbit")
def _a_url_names_an_unknown_host(b: Broken) -> None:
    b.get("Secret", "sender-secrets")["data"]["rabbitmq-url"] = base64.b64encode(
        b"amqp://a:b@rabbit:5672/"
    ).decode()


@CASES.case(6, "production", "exactly one of")
def _a_budget_says_two_things(b: Broken) -> None:
    b.get("PodDisruptionBudget", "sender")["spec"]["minAvailable"] = 1


@CASES.case(6, "production", "do not fit")
def _a_minimum_is_above_its_maximum(b: Broken) -> None:
    b.get("HorizontalPodAutoscaler", "webhook")["spec"]["minReplicas"] = 13


@CASES.case(6, "production", "CIDR 10.0.0.0/33")
def _a_cidr_is_none(b: Broken) -> None:
    b.get("NetworkPolicy", "sender")["spec"]["egress"][2]["to"][0]["ipBlock"]["except"][0] = (
        "10.0.0.0/33"
    )


@CASES.case(6, "dev", "port 70000 is out of range")
def _a_port_is_out_of_range(b: Broken) -> None:
    b.get("Service", "webhook")["spec"]["ports"][0]["port"] = 70000


@CASES.case(7, "dev", "is no setting that it reads")
def _a_variable_is_misspelt(b: Broken) -> None:
    b.get("ConfigMap", "settings")["data"]["HELIOGRAPH_LOGLEVEL"] = "info"


@CASES.case(7, "dev", "HELIOGRAPH_MASTER_KEY is required")
def _a_required_setting_is_missing(b: Broken) -> None:
    b.container("sender")["env"].pop()


@CASES.case(7, "production", "HELIOGRAPH_LOG_LEVEL")
def _a_value_cannot_be_used(b: Broken) -> None:
    b.get("ConfigMap", "settings")["data"]["HELIOGRAPH_LOG_LEVEL"] = "loud"


@CASES.case(7, "production", "is for tests and one machine")
def _commands_are_believed_in_production(b: Broken) -> None:
    b.container("sender")["env"].append(
        {"name": "HELIOGRAPH_TRUST_COMMAND_IDENTITY", "value": "true"}
    )


@CASES.case(7, "production", "HELIOGRAPH_MONGODB_URI is not set")
def _the_database_is_on_the_same_machine(b: Broken) -> None:
    b.container("processor")["env"].pop()


@CASES.case(7, "dev", "HELIOGRAPH_MASTER_KEY: ")
def _a_secret_cannot_be_used(b: Broken) -> None:
    b.get("Secret", "sender-secrets")["data"]["master-key"] = base64.b64encode(b"short").decode()


@CASES.case(7, "production", "listens on {'webhook': 8088")
def _a_port_is_not_the_one_that_is_listened_on(b: Broken) -> None:
    b.get("ConfigMap", "webhook-settings")["data"]["HELIOGRAPH_WEBHOOK_PORT"] = "8088"


@CASES.case(7, "production", "no container reads it")
def _a_configmap_is_left_over(b: Broken) -> None:
    b.add("ConfigMap", "left-over-1234567890", data={"A": "b"})


@CASES.case(8, "dev", "is there 2 times")
def _a_name_is_there_twice(b: Broken) -> None:
    b.render.objects.append(copy.deepcopy(b.get("Service", "health")))


@CASES.case(7, "production", "makes indexes when it starts")
def _every_replica_makes_indexes(b: Broken) -> None:
    b.get("ConfigMap", "settings")["data"].pop("HELIOGRAPH_SCHEMA_AT_START")


@CASES.case(7, "production", "is ended before an index has had its")
def _the_job_is_ended_too_early(b: Broken) -> None:
    b.get("Job", "prepare")["spec"]["activeDeadlineSeconds"] = 900


@CASES.case(7, "production", "takes deliveries from anybody")
def _anybody_may_deliver(b: Broken) -> None:
    b.container("webhook")["env"].pop()


@CASES.case(7, "production", "does not know where providers reach")
def _callbacks_have_no_address(b: Broken) -> None:
    b.container("webhook")["envFrom"].pop(1)


@CASES.case(5, "production", "nothing reads the key webhook-secrets")
def _a_key_is_read_by_nobody(b: Broken) -> None:
    b.container("webhook")["env"].pop()


@CASES.case(8, "dev", "has no name")
def _an_object_has_no_name(b: Broken) -> None:
    b.get("Service", "health")["metadata"].pop("name")


@CASES.case(5, "production", "cannot be judged")
def _a_reference_names_nothing(b: Broken) -> None:
    b.get("ScaledObject", "sender")["spec"]["scaleTargetRef"].pop("name")


@CASES.case(4, "dev", "does not take its own template")
def _a_selector_is_empty(b: Broken) -> None:
    b.get("StatefulSet", "mongodb")["spec"]["selector"].pop("matchLabels")


@CASES.case(8, "production", "is in the namespace default")
def _an_object_is_in_another_namespace(b: Broken) -> None:
    b.get("Deployment", "sender")["metadata"].update(namespace="default")
