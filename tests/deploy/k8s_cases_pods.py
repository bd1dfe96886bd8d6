"""Points 9 to 20: what pods may do, ask for and where they go.

Each function breaks one thing in a copy of an overlay.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from tests.deploy.k8s_world import Broken, Cases

CASES = Cases()


def pin(broken: Broken, *services: str) -> None:
    """Give them all the digest of one image."""
    digest = hashlib.sha256(b"an image").hexdigest()
    for name in services:
        broken.container(name).update(image=f"heliograph/{name}@sha256:{digest}")


@CASES.case(9, "dev", "enforce is baseline")
def _the_standard_is_a_lower_one(b: Broken) -> None:
    b.get("Namespace", "heliograph")["metadata"]["labels"].update(
        {"pod-security.kubernetes.io/enforce": "baseline"}
    )


@CASES.case(9, "production", "warn-version is latest")
def _the_standard_s_version_is_not_pinned(b: Broken) -> None:
    b.get("Namespace", "heliograph")["metadata"]["labels"].update(
        {"pod-security.kubernetes.io/warn-version": "latest"}
    )


@CASES.case(10, "dev", "runAsNonRoot is not true")
def _a_pod_may_be_root(b: Broken) -> None:
    b.pod("sender")["securityContext"].pop("runAsNonRoot")


@CASES.case(10, "dev", "runAsUser is 1000")
def _a_user_is_a_person_s_on_some_node(b: Broken) -> None:
    b.pod("sender")["securityContext"].update(runAsUser=1000)


@CASES.case(10, "production", "and its image is for 10001:10001")
def _the_image_is_for_another_user(b: Broken) -> None:
    b.pod("webhook")["securityContext"].update(runAsUser=20001)


@CASES.case(10, "production", "seccompProfile")
def _there_is_no_seccomp_profile(b: Broken) -> None:
    b.pod("webhook")["securityContext"].pop("seccompProfile")


@CASES.case(10, "production", "capabilities are not exactly")
def _a_capability_is_added(b: Broken) -> None:
    b.container("webhook")["securityContext"]["capabilities"]["add"] = ["NET_BIND_SERVICE"]


@CASES.case(10, "production", "readOnlyRootFilesystem")
def _a_root_is_writable(b: Broken) -> None:
    b.container("prepare", "Job")["securityContext"].pop("readOnlyRootFilesystem")


@CASES.case(10, "production", "allowPrivilegeEscalation")
def _an_init_container_may_gain_privileges(b: Broken) -> None:
    b.pod("webhook").update(
        initContainers=[
            {
                "name": "early",
                "securityContext": {
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ]
    )


@CASES.case(10, "dev", "has no sizeLimit")
def _an_emptydir_has_no_limit(b: Broken) -> None:
    b.pod("health")["volumes"][0].update(emptyDir={})


@CASES.case(10, "production", "the operator's container mongodb-agent")
def _an_operator_s_container_keeps_its_own_context(b: Broken) -> None:
    b.get("MongoDBCommunity", "mongodb")["spec"]["statefulSet"]["spec"]["template"]["spec"][
        "containers"
    ].pop()


@CASES.case(10, "production", "its files are everybody's, or not the service's")
def _the_service_cannot_read_its_secrets(b: Broken) -> None:
    b.pod("webhook")["securityContext"].pop("fsGroup")


@CASES.case(10, "dev", "is of no kind")
def _a_volume_is_of_no_kind(b: Broken) -> None:
    b.pod("mongodb", "StatefulSet")["volumes"][1].pop("emptyDir")


@CASES.case(11, "dev", "runs as the ServiceAccount default")
def _a_pod_has_no_account_of_its_own(b: Broken) -> None:
    b.pod("sender").pop("serviceAccountName")


@CASES.case(11, "dev", "runs as the ServiceAccount health")
def _two_services_share_an_account(b: Broken) -> None:
    b.pod("sender").update(serviceAccountName="health")


@CASES.case(11, "production", "automountServiceAccountToken")
def _a_pod_has_a_token(b: Broken) -> None:
    b.pod("sender").update(automountServiceAccountToken=True)


@CASES.case(11, "production", "no service calls the cluster's API")
def _somebody_has_rights_in_the_api(b: Broken) -> None:
    b.add("RoleBinding", "sender")


@CASES.case(12, "dev", "hostNetwork is set")
def _a_pod_is_on_its_node_s_network(b: Broken) -> None:
    b.pod("webhook").update(hostNetwork=True)


@CASES.case(12, "production", "hostPath is set")
def _a_pod_sees_its_node_s_files(b: Broken) -> None:
    b.pod("webhook")["volumes"].append({"name": "node", "hostPath": {"path": "/"}})


@CASES.case(12, "production", "privileged is set")
def _a_container_is_privileged(b: Broken) -> None:
    b.container("webhook")["securityContext"].update(privileged=True)


@CASES.case(12, "dev", "enableServiceLinks")
def _services_become_variables(b: Broken) -> None:
    b.pod("webhook").pop("enableServiceLinks")


@CASES.case(13, "dev", "has no tag")
def _an_image_has_no_tag(b: Broken) -> None:
    b.container("webhook").update(image="heliograph/webhook")


@CASES.case(13, "dev", "whatever was pushed last")
def _an_image_is_the_latest(b: Broken) -> None:
    b.container("rabbitmq", "StatefulSet").update(image="rabbitmq:latest")


@CASES.case(13, "dev", "is not of version")
def _an_image_is_of_another_version(b: Broken) -> None:
    b.container("webhook").update(image="heliograph/webhook:0.0.9")


@CASES.case(13, "production", "has no sha256 digest")
def _production_runs_a_tag(b: Broken) -> None:
    b.container("webhook").update(image="heliograph/webhook:0.1.0")


@CASES.case(13, "production", "has a made-up digest")
def _a_digest_is_all_zeros(b: Broken) -> None:
    b.container("webhook").update(image=f"heliograph/webhook@sha256:{'0' * 64}")


@CASES.case(13, "production", "has the digest of")
def _two_services_have_one_digest(b: Broken) -> None:
    pin(b, "webhook", "sender")


@CASES.case(13, "production", "is not released")
def _it_is_to_be_released_without_digests(b: Broken) -> None:
    b.__dict__.update(project=replace(b.project, released=True))


@CASES.case(14, "dev", "not IfNotPresent")
def _a_fixed_image_is_pulled_again(b: Broken) -> None:
    b.container("webhook").update(imagePullPolicy="Always")


@CASES.case(14, "production", "not Always")
def _a_moving_tag_is_kept(b: Broken) -> None:
    b.container("webhook").update(image="heliograph/webhook:main")


@CASES.case(15, "dev", "requests no cpu")
def _no_cpu_is_asked_for(b: Broken) -> None:
    b.container("webhook")["resources"]["requests"].pop("cpu")


@CASES.case(15, "production", "has no limit of ephemeral-storage")
def _the_disk_has_no_limit(b: Broken) -> None:
    b.container("prepare", "Job")["resources"]["limits"].pop("ephemeral-storage")


@CASES.case(15, "production", "the memory limit is not the request")
def _memory_may_grow_beyond_the_request(b: Broken) -> None:
    b.container("sender")["resources"]["limits"].update(memory="1Gi")


@CASES.case(16, "production", "has 1 replicas at least, not 3")
def _there_is_one_webhook(b: Broken) -> None:
    b.get("HorizontalPodAutoscaler", "webhook")["spec"].update(minReplicas=1)


@CASES.case(16, "production", "has 1 replicas at least, not 2")
def _there_is_one_health_service(b: Broken) -> None:
    b.get("Deployment", "health")["spec"].update(replicas=1)


@CASES.case(17, "production", "only sender have a CPU limit")
def _one_service_alone_has_a_cpu_limit(b: Broken) -> None:
    b.container("sender")["resources"]["limits"].update(cpu="2")


@CASES.case(17, "production", "not well above its request")
def _a_cpu_limit_is_the_request(b: Broken) -> None:
    b.container("sender")["resources"]["limits"].update(cpu="250m")


@CASES.case(17, "dev", "does not say why")
def _nobody_says_why(b: Broken) -> None:
    b.elsewhere(Path("/nowhere"))


@CASES.case(18, "production", "is not spread by topology.kubernetes.io/zone")
def _zones_are_left_to_chance(b: Broken) -> None:
    b.pod("sender")["topologySpreadConstraints"].pop(0)


@CASES.case(18, "production", "an old rollout's pods")
def _a_rollout_is_spread_with_the_last_one(b: Broken) -> None:
    b.pod("sender")["topologySpreadConstraints"][1].pop("matchLabelKeys")


@CASES.case(18, "production", "a lost zone would keep")
def _a_lost_zone_keeps_its_replicas(b: Broken) -> None:
    b.pod("sender")["topologySpreadConstraints"][0].update(whenUnsatisfiable="DoNotSchedule")


@CASES.case(19, "production", "has no PodDisruptionBudget")
def _a_budget_is_missing(b: Broken) -> None:
    b.drop("PodDisruptionBudget", "sender")


@CASES.case(19, "production", "keeps 3 of 3")
def _a_budget_lets_nobody_go(b: Broken) -> None:
    b.get("PodDisruptionBudget", "sender")["spec"].update(minAvailable=3)


@CASES.case(19, "dev", "a crashing pod would hold up")
def _a_crashing_pod_holds_up_a_drain(b: Broken) -> None:
    b.get("PodDisruptionBudget", "sender")["spec"].pop("unhealthyPodEvictionPolicy")


@CASES.case(20, "production", "has no priorityClassName")
def _a_pod_has_no_priority(b: Broken) -> None:
    b.pod("sender").pop("priorityClassName")


@CASES.case(20, "production", "its priority is not above that of sender")
def _the_sender_goes_before_the_webhook(b: Broken) -> None:
    b.get("PriorityClass", "heliograph-work").update(value=950000)


@CASES.case(20, "dev", "rabbitmq: its priority is not above that of webhook")
def _the_webhook_goes_before_the_broker(b: Broken) -> None:
    b.pod("rabbitmq", "StatefulSet").update(priorityClassName="heliograph-work")
