"""What two places have to agree on: image and service, role and database, scraper and path.

Each function breaks one thing in a copy of an overlay.
"""

from __future__ import annotations

from tests.deploy.k8s_world import Broken, Cases

CASES = Cases()


def settle_broker(broken: Broken, old: str, new: str) -> None:
    """Replace a line of the broker's own configuration."""
    settings = broken.get("RabbitmqCluster", "rabbitmq")["spec"]["rabbitmq"]
    assert old in settings["additionalConfig"]
    settings["additionalConfig"] = settings["additionalConfig"].replace(old, new)


@CASES.case(5, "production", "the Secret mongodb-password has no key word")
def _the_database_s_password_has_another_key(b: Broken) -> None:
    (user,) = b.get("MongoDBCommunity", "mongodb")["spec"]["users"]
    user["passwordSecretRef"].update(key="word")


@CASES.case(13, "production", "Deployment/processor: runs the image heliograph/sender")
def _the_processor_runs_the_sender(b: Broken) -> None:
    b.container("processor").update(image=b.container("sender")["image"])


@CASES.case(13, "production", "Job/prepare: runs the image heliograph/sender")
def _the_job_runs_the_sender(b: Broken) -> None:
    b.container("prepare", "Job").update(image=b.container("sender")["image"])


@CASES.case(13, "dev", "Deployment/health: runs the image heliograph/webhook")
def _one_node_runs_another_image(b: Broken) -> None:
    b.container("health").update(image=b.container("webhook")["image"])


@CASES.case(26, "production", "its arguments are ['--once'], not ['--prepare']")
def _the_job_is_told_something_else(b: Broken) -> None:
    b.container("prepare", "Job").update(args=["--once"])


@CASES.case(26, "dev", "its arguments are ['--prepare'], not []")
def _a_service_only_prepares(b: Broken) -> None:
    b.container("health").update(args=["--prepare"])


@CASES.case(30, "production", "gives ['url'], not ['host']")
def _keda_is_told_no_host(b: Broken) -> None:
    b.get("TriggerAuthentication", "rabbitmq")["spec"]["secretTargetRef"][0].update(parameter="url")


@CASES.case(30, "production", "vhostName is other, not /")
def _keda_looks_into_another_virtual_host(b: Broken) -> None:
    b.get("ScaledObject", "sender")["spec"]["triggers"][0]["metadata"].update(vhostName="other")


@CASES.case(
    36, "production", "Deployment/sender: no monitor scrapes its port management at /metrics"
)
def _a_service_is_scraped_at_another_path(b: Broken) -> None:
    b.get("PodMonitor", "sender")["spec"]["podMetricsEndpoints"][0].update(path="/m")


@CASES.case(36, "production", "no monitor scrapes its port prometheus at /metrics/detailed")
def _no_queue_s_length_is_scraped(b: Broken) -> None:
    b.get("PodMonitor", "rabbitmq")["spec"]["podMetricsEndpoints"].pop()


@CASES.case(37, "production", "disk_free_limit.absolute is not at least its memory")
def _the_operator_s_own_disk_limit_wins(b: Broken) -> None:
    settle_broker(b, "disk_free_limit.absolute = 8GB", "disk_free_limit.relative = 2.0")


@CASES.case(37, "production", "disk_free_limit.absolute is not at least its memory")
def _the_disk_alarm_comes_too_late(b: Broken) -> None:
    settle_broker(b, "= 8GB", "= 4GB")


@CASES.case(37, "production", "may write in the database heliograph")
def _the_database_s_user_writes_elsewhere(b: Broken) -> None:
    for role in b.get("MongoDBCommunity", "mongodb")["spec"]["users"][0]["roles"]:
        role.update(db="texts")


@CASES.case(37, "production", "may write in the database texts")
def _the_services_use_another_database(b: Broken) -> None:
    b.get("ConfigMap", "settings")["data"].update(HELIOGRAPH_MONGODB_DATABASE="texts")
