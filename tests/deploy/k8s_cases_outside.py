"""Points 32 to 37: network, secrets, labels, monitoring, broker and database.

Each function breaks one thing in a copy of an overlay.
"""

from __future__ import annotations

from tests.deploy.k8s_world import Broken, Cases

CASES = Cases()


def drop_all(broken: Broken, kind: str) -> None:
    """Take every object of a kind away."""
    broken.render.objects[:] = [it for it in broken.render.objects if it["kind"] != kind]


@CASES.case(32, "dev", "nothing denies by default")
def _there_is_no_default(b: Broken) -> None:
    b.drop("NetworkPolicy", "default-deny")


@CASES.case(32, "production", "egress/webhook: may not reach rabbitmq")
def _an_edge_is_missing_at_its_source(b: Broken) -> None:
    b.get("NetworkPolicy", "webhook")["spec"]["egress"].pop(0)


@CASES.case(32, "production", "ingress/rabbitmq: does not let webhook in")
def _an_edge_is_missing_at_its_target(b: Broken) -> None:
    b.get("NetworkPolicy", "rabbitmq")["spec"]["ingress"][0]["from"].pop(0)


@CASES.case(32, "production", "egress/webhook: may reach the internet on 443")
def _the_webhook_reaches_the_internet(b: Broken) -> None:
    b.get("NetworkPolicy", "webhook")["spec"]["egress"].append(
        b.get("NetworkPolicy", "sender")["spec"]["egress"][2]
    )


@CASES.case(32, "production", "egress/sender: may reach cloud metadata")
def _the_metadata_address_is_no_exception(b: Broken) -> None:
    b.get("NetworkPolicy", "sender")["spec"]["egress"][2]["to"][0]["ipBlock"]["except"].remove(
        "169.254.0.0/16"
    )


@CASES.case(32, "dev", "egress/sender: may reach the API server")
def _private_ranges_are_no_exception(b: Broken) -> None:
    b.get("NetworkPolicy", "sender")["spec"]["egress"][2]["to"][0]["ipBlock"].pop("except")


@CASES.case(32, "dev", "ingress/webhook: lets another namespace in on 8080")
def _everybody_delivers(b: Broken) -> None:
    b.get("NetworkPolicy", "webhook")["spec"]["ingress"][0].pop("from")


@CASES.case(32, "dev", "on 22/TCP")
def _a_rule_has_no_port(b: Broken) -> None:
    b.get("NetworkPolicy", "mongodb")["spec"]["ingress"][0].pop("ports")


@CASES.case(32, "dev", "may not reach DNS on 53/UDP")
def _names_are_not_resolved(b: Broken) -> None:
    b.drop("NetworkPolicy", "dns")


@CASES.case(32, "production", "may reach another pod of kube-system")
def _dns_may_be_any_pod_of_kube_system(b: Broken) -> None:
    b.get("NetworkPolicy", "dns")["spec"]["egress"][0]["to"][0].pop("podSelector")


@CASES.case(32, "production", "may not reach the internet")
def _the_webhook_asks_for_tokens_and_gets_no_keys(b: Broken) -> None:
    b.get("ConfigMap", "webhook-settings")["data"].update(HELIOGRAPH_WEBHOOK_ENTRA_TENANT_ID="x")


@CASES.case(32, "dev", "lets Prometheus elsewhere in on 9090")
def _any_prometheus_scrapes(b: Broken) -> None:
    source = b.get("NetworkPolicy", "sender")["spec"]["ingress"][0]["from"][0]
    source["namespaceSelector"].pop("matchLabels")


@CASES.case(32, "dev", "may reach the API server on 443")
def _one_private_range_is_no_exception(b: Broken) -> None:
    block = b.get("NetworkPolicy", "health")["spec"]["egress"][2]["to"][0]["ipBlock"]
    block["except"].remove("192.168.0.0/16")


@CASES.case(33, "production", "leads nowhere")
def _a_route_has_no_backend(b: Broken) -> None:
    b.get("HTTPRoute", "webhook")["spec"]["rules"][0].pop("backendRefs")


@CASES.case(33, "production", "belongs to no gateway")
def _a_route_has_no_gateway(b: Broken) -> None:
    b.get("HTTPRoute", "webhook")["spec"]["parentRefs"] = []


@CASES.case(33, "production", "mongodb: takes gateway on 27017")
def _the_database_takes_anybody(b: Broken) -> None:
    b.get("NetworkPolicy", "mongodb")["spec"]["ingress"][0]["from"].append(
        {"namespaceSelector": {}}
    )


@CASES.case(33, "dev", "is of type NodePort")
def _a_node_s_port_leads_in(b: Broken) -> None:
    b.get("Service", "webhook")["spec"].update(type="NodePort")


@CASES.case(33, "production", "shows health to the internet")
def _the_console_is_public(b: Broken) -> None:
    b.get("HTTPRoute", "webhook")["spec"]["rules"][0]["backendRefs"][0].update(name="health")


@CASES.case(33, "production", "not /api/webhooks alone")
def _every_path_is_public(b: Broken) -> None:
    b.get("HTTPRoute", "webhook")["spec"]["rules"][0].pop("matches")


@CASES.case(33, "production", "has no TLS")
def _deliveries_come_in_the_open(b: Broken) -> None:
    b.get("Gateway", "webhook")["spec"]["listeners"][0].update(protocol="HTTP")


@CASES.case(33, "production", "the host of HELIOGRAPH_PUBLIC_WEBHOOK_URL")
def _the_host_is_another(b: Broken) -> None:
    b.get("HTTPRoute", "webhook")["spec"].update(hostnames=["texts.example.org"])


@CASES.case(33, "production", "there is no way in")
def _deliveries_have_no_way_in(b: Broken) -> None:
    b.drop("HTTPRoute", "webhook")


@CASES.case(33, "production", "is another way in")
def _there_is_another_way_in(b: Broken) -> None:
    b.add("Ingress", "health")


@CASES.case(34, "production", "a Secret with data is in the repository")
def _a_secret_is_in_production(b: Broken) -> None:
    b.add("Secret", "sender-secrets-1234567890", data={"a": "Yg=="})


@CASES.case(34, "dev", "is not marked")
def _a_development_secret_is_not_marked(b: Broken) -> None:
    b.get("Secret", "sender-secrets")["metadata"]["labels"].pop("heliograph/secrets")


@CASES.case(34, "production", "so a change of it rolls no pod")
def _a_configmap_is_written_by_hand(b: Broken) -> None:
    b.get("ConfigMap", "settings")["metadata"].update(name="settings")


@CASES.case(34, "production", "looks like a secret")
def _a_password_is_in_a_variable(b: Broken) -> None:
    b.container("sender")["env"].append(
        {"name": "HELIOGRAPH_RABBITMQ_URL", "value": "amqp://a:b@rabbitmq/"}
    )


@CASES.case(34, "production", "does not list its keys")
def _a_store_gives_whatever_it_has(b: Broken) -> None:
    b.get("ExternalSecret", "sender-secrets")["spec"].update(dataFrom=[{"extract": {"key": "x"}}])


@CASES.case(34, "production", "passes variables in its arguments")
def _a_secret_is_in_the_arguments(b: Broken) -> None:
    b.container("prepare", "Job")["args"].append("$(HELIOGRAPH_MASTER_KEY)")


@CASES.case(35, "dev", "has no label app.kubernetes.io/component")
def _a_label_is_missing(b: Broken) -> None:
    b.get("Service", "health")["metadata"]["labels"].pop("app.kubernetes.io/component")


@CASES.case(35, "production", "Deployment/sender template: has no label")
def _a_template_s_label_is_missing(b: Broken) -> None:
    b.get("Deployment", "sender")["spec"]["template"]["metadata"]["labels"].pop(
        "app.kubernetes.io/version"
    )


@CASES.case(35, "production", "is labelled with version 0.0.9")
def _a_version_is_another(b: Broken) -> None:
    b.get("Deployment", "sender")["metadata"]["labels"].update(
        {"app.kubernetes.io/version": "0.0.9"}
    )


@CASES.case(35, "production", "has the version in a selector")
def _a_selector_has_the_version(b: Broken) -> None:
    b.get("PodDisruptionBudget", "sender")["spec"]["selector"]["matchLabels"].update(
        {"app.kubernetes.io/version": "0.1.0"}
    )


@CASES.case(36, "production", "no monitor scrapes its port management")
def _a_service_is_not_scraped(b: Broken) -> None:
    drop_all(b, "PodMonitor")


@CASES.case(36, "production", "there is no alert on crash loops")
def _there_are_no_alerts(b: Broken) -> None:
    drop_all(b, "PrometheusRule")


@CASES.case(36, "production", "has no severity")
def _an_alert_has_no_severity(b: Broken) -> None:
    b.add("PrometheusRule", "more", {"groups": [{"rules": [{"alert": "A", "expr": "1"}]}]})


@CASES.case(36, "production", "names no page of docs/operations")
def _an_alert_has_no_runbook(b: Broken) -> None:
    b.add("PrometheusRule", "more", {"groups": [{"rules": [{"alert": "A", "expr": "1"}]}]})


@CASES.case(36, "production", "is not there")
def _a_runbook_is_missing(b: Broken) -> None:
    b.add(
        "PrometheusRule",
        "more",
        {
            "groups": [
                {
                    "rules": [
                        {
                            "alert": "A",
                            "expr": "1",
                            "annotations": {"runbook_url": "docs/operations/runbooks/none.md"},
                        }
                    ]
                }
            ]
        },
    )


@CASES.case(36, "production", "nobody exports heliograph_textes_total")
def _a_rule_asks_for_a_metric_that_is_not_there(b: Broken) -> None:
    b.add(
        "PrometheusRule",
        "more",
        {"groups": [{"rules": [{"record": "a:b", "expr": "rate(heliograph_textes_total[5m])"}]}]},
    )


@CASES.case(37, "production", "has 2 nodes, not 3")
def _the_broker_is_of_two_nodes(b: Broken) -> None:
    b.get("RabbitmqCluster", "rabbitmq")["spec"].update(replicas=2)


@CASES.case(37, "production", "a minority goes on by itself")
def _a_minority_goes_on(b: Broken) -> None:
    b.get("RabbitmqCluster", "rabbitmq")["spec"]["rabbitmq"].update(
        additionalConfig="disk_free_limit.absolute = 8GB"
    )


@CASES.case(37, "production", "its memory request is not its limit")
def _the_broker_s_memory_may_grow(b: Broken) -> None:
    b.get("RabbitmqCluster", "rabbitmq")["spec"]["resources"]["limits"].update(memory="8Gi")


@CASES.case(37, "production", "keeps nothing on disk")
def _the_broker_keeps_nothing(b: Broken) -> None:
    b.get("RabbitmqCluster", "rabbitmq")["spec"].pop("persistence")


@CASES.case(37, "production", "are not spread by topology.kubernetes.io/zone")
def _the_broker_is_in_one_zone(b: Broken) -> None:
    b.get("RabbitmqCluster", "rabbitmq")["spec"]["override"]["statefulSet"]["spec"]["template"][
        "spec"
    ]["topologySpreadConstraints"].pop(0)


@CASES.case(37, "production", "is not a replica set of 3")
def _the_database_is_of_one_member(b: Broken) -> None:
    b.get("MongoDBCommunity", "mongodb")["spec"].update(members=1)


@CASES.case(37, "production", "w is not majority")
def _a_write_is_answered_by_one_member(b: Broken) -> None:
    b.get("MongoDBCommunity", "mongodb")["spec"].pop("additionalConnectionStringConfig")


@CASES.case(37, "production", "not by SCRAM")
def _nobody_is_asked_who_they_are(b: Broken) -> None:
    b.get("MongoDBCommunity", "mongodb")["spec"]["security"]["authentication"].update(
        modes=["X509"]
    )


@CASES.case(37, "dev", "podManagementPolicy")
def _nodes_wait_for_one_another(b: Broken) -> None:
    b.get("StatefulSet", "rabbitmq")["spec"].pop("podManagementPolicy")


@CASES.case(37, "dev", "keeps nothing on disk")
def _the_disk_is_not_mounted(b: Broken) -> None:
    b.container("mongodb", "StatefulSet")["volumeMounts"].pop(1)


@CASES.case(37, "dev", "is not headless")
def _a_node_has_no_name_of_its_own(b: Broken) -> None:
    b.get("Service", "mongodb")["spec"].pop("clusterIP")
