"""Points 21 to 31: how pods start, stop, roll and scale.

Each function breaks one thing in a copy of an overlay.
"""

from __future__ import annotations

from pathlib import Path

from tests.deploy.k8s_world import Broken, Cases

CASES = Cases()


@CASES.case(21, "dev", "has no startupProbe")
def _a_probe_is_missing(b: Broken) -> None:
    b.container("sender").pop("startupProbe")


@CASES.case(21, "dev", "liveness and readiness ask the same")
def _two_probes_ask_the_same(b: Broken) -> None:
    b.container("sender")["livenessProbe"]["httpGet"].update(path="/readyz")


@CASES.case(21, "production", "asks no named port")
def _a_probe_asks_a_number(b: Broken) -> None:
    b.container("sender")["readinessProbe"]["httpGet"].update(port=9090)


@CASES.case(21, "dev", "StatefulSet/mongodb: has no readinessProbe")
def _a_server_has_no_probe(b: Broken) -> None:
    b.container("mongodb", "StatefulSet").pop("readinessProbe")


@CASES.case(22, "production", "livenessProbe asks /readyz")
def _a_broker_that_is_away_restarts_everything(b: Broken) -> None:
    b.container("sender")["livenessProbe"]["httpGet"].update(path="/readyz")


@CASES.case(22, "dev", "which shows what no manifest can")
def _no_test_shows_it(b: Broken) -> None:
    b.elsewhere(Path("/nowhere"))


@CASES.case(23, "dev", "to start, not")
def _a_slow_node_has_too_little_time(b: Broken) -> None:
    b.container("health")["startupProbe"].update(failureThreshold=3)


@CASES.case(23, "production", "waits for one second")
def _a_time_out_is_the_default(b: Broken) -> None:
    b.container("health")["readinessProbe"].pop("timeoutSeconds")


@CASES.case(24, "dev", "s to go, and needs 35")
def _the_pause_is_not_counted(b: Broken) -> None:
    b.pod("webhook").update(terminationGracePeriodSeconds=30)


@CASES.case(24, "production", "s to go, and needs 65")
def _the_drain_limit_was_raised(b: Broken) -> None:
    b.get("ConfigMap", "settings")["data"].update(HELIOGRAPH_GRACE_PERIOD="60")


@CASES.case(24, "production", "its settings cannot be read")
def _a_provider_may_take_longer_than_the_drain(b: Broken) -> None:
    b.container("sender")["env"].append(
        {"name": "HELIOGRAPH_SENDER_PROVIDER_TIMEOUT", "value": "20"}
    )


@CASES.case(24, "production", "one piece of work may take")
def _a_batch_may_take_longer_than_the_drain(b: Broken) -> None:
    b.container("processor")["env"].append({"name": "HELIOGRAPH_MONGODB_TIMEOUT", "value": "20"})


@CASES.case(25, "production", "pauses 0 s")
def _the_listener_goes_before_its_endpoint(b: Broken) -> None:
    b.container("webhook").pop("lifecycle")


@CASES.case(25, "dev", "preStop needs a program")
def _a_shell_is_needed(b: Broken) -> None:
    b.container("webhook")["lifecycle"].update(preStop={"exec": {"command": ["sleep", "5"]}})


@CASES.case(25, "dev", "is a consumer")
def _a_consumer_waits_for_nothing(b: Broken) -> None:
    b.container("sender").update(lifecycle={"preStop": {"sleep": {"seconds": 5}}})


@CASES.case(26, "dev", "replaces the image's entry point")
def _a_shell_is_in_between(b: Broken) -> None:
    b.container("sender").update(command=["sh", "-c", "python -m sender"])


@CASES.case(26, "production", "has no entry point in exec form for webhook")
def _the_entry_point_is_a_shell_s(b: Broken) -> None:
    b.elsewhere(Path("/nowhere"))


@CASES.case(26, "production", "which shows what no manifest can")
def _no_test_sends_the_signal(b: Broken) -> None:
    b.elsewhere(Path("/nowhere"))


@CASES.case(26, "dev", "does not start again for ever")
def _the_job_has_no_end(b: Broken) -> None:
    b.pod("prepare", "Job").pop("restartPolicy")


@CASES.case(27, "dev", "before its successor is ready")
def _a_pod_goes_first(b: Broken) -> None:
    b.get("Deployment", "webhook")["spec"]["strategy"]["rollingUpdate"].update(maxUnavailable=1)


@CASES.case(27, "production", "has no room for a new pod")
def _there_is_no_surge(b: Broken) -> None:
    b.get("Deployment", "webhook")["spec"]["strategy"]["rollingUpdate"].pop("maxSurge")


@CASES.case(27, "production", "does not say progressDeadlineSeconds")
def _a_rollout_may_hang(b: Broken) -> None:
    b.get("Deployment", "sender")["spec"].pop("progressDeadlineSeconds")


@CASES.case(28, "production", "has no ScaledObject")
def _a_consumer_does_not_scale(b: Broken) -> None:
    b.drop("ScaledObject", "sender")


@CASES.case(28, "production", "is scaled by 2 autoscalers")
def _two_autoscalers_pull_at_one(b: Broken) -> None:
    b.get("HorizontalPodAutoscaler", "webhook")["spec"]["scaleTargetRef"].update(name="sender")


@CASES.case(28, "production", "does not scale on CPU")
def _the_webhook_scales_on_memory(b: Broken) -> None:
    b.get("HorizontalPodAutoscaler", "webhook")["spec"]["metrics"][0]["resource"].update(
        name="memory"
    )


@CASES.case(28, "dev", "does not belong into")
def _one_node_scales(b: Broken) -> None:
    b.add("ScaledObject", "sender", {"scaleTargetRef": {"name": "sender"}})


@CASES.case(29, "production", "its spec.replicas resets")
def _a_count_is_applied_again(b: Broken) -> None:
    b.get("Deployment", "sender")["spec"].update(replicas=3)


@CASES.case(30, "production", "queueName is sender.command, not sender.commands")
def _a_queue_s_name_is_wrong(b: Broken) -> None:
    b.get("ScaledObject", "sender")["spec"]["triggers"][0]["metadata"].update(
        queueName="sender.command"
    )


@CASES.case(30, "production", "protocol is amqp")
def _what_is_in_hand_does_not_count(b: Broken) -> None:
    b.get("ScaledObject", "sender")["spec"]["triggers"][0]["metadata"].update(protocol="amqp")


@CASES.case(30, "production", "does not say its value")
def _the_old_name_of_the_value_is_used(b: Broken) -> None:
    b.get("ScaledObject", "sender")["spec"]["triggers"][0]["metadata"].update(queueLength="200")


@CASES.case(30, "production", "is no text")
def _a_value_is_a_number(b: Broken) -> None:
    b.get("ScaledObject", "sender")["spec"]["triggers"][0]["metadata"].update(value=200)


@CASES.case(30, "production", "has credentials in its metadata")
def _credentials_are_in_the_open(b: Broken) -> None:
    b.get("ScaledObject", "sender")["spec"]["triggers"][0]["metadata"].update(host="http://a:b@c")


@CASES.case(31, "production", "goes down to 1, not 2")
def _one_consumer_is_left(b: Broken) -> None:
    b.get("ScaledObject", "processor")["spec"].update(minReplicaCount=1)


@CASES.case(31, "production", "has no fallback")
def _there_is_no_fallback(b: Broken) -> None:
    b.get("ScaledObject", "processor")["spec"].pop("fallback")


@CASES.case(31, "production", "may hold 30000 messages")
def _the_consumers_hold_too_much(b: Broken) -> None:
    b.get("ScaledObject", "processor")["spec"].update(maxReplicaCount=30)


@CASES.case(31, "production", "is not above the prefetch 1000")
def _replicas_ask_for_replicas(b: Broken) -> None:
    b.get("ScaledObject", "processor")["spec"]["triggers"][0]["metadata"].update(value="900")


@CASES.case(31, "production", "before 300 s of calm")
def _consumers_go_at_once(b: Broken) -> None:
    b.get("ScaledObject", "sender")["spec"]["advanced"]["horizontalPodAutoscalerConfig"][
        "behavior"
    ]["scaleDown"].update(stabilizationWindowSeconds=0)


@CASES.case(31, "production", "connections to the broker")
def _there_are_too_many_connections(b: Broken) -> None:
    b.get("HorizontalPodAutoscaler", "webhook")["spec"].update(maxReplicas=300)


@CASES.case(31, "production", "provider calls at once")
def _the_providers_are_called_too_often(b: Broken) -> None:
    b.get("ScaledObject", "sender")["spec"].update(maxReplicaCount=40)


@CASES.case(31, "production", "are too few")
def _the_quota_is_below_the_maximum(b: Broken) -> None:
    b.get("ResourceQuota", "heliograph")["spec"]["hard"].update(pods="20")
