"""A container's life: init containers, probes, restarts, and an end within its grace."""

import signal

import pytest

from tests.cluster.any_cluster import until
from tests.cluster.test_cluster import ready_addresses
from tests.cluster.workload import container, pod, service, workload

pytestmark = pytest.mark.root

STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"


def shell(script, **more):
    """A container that runs a script."""
    return {"name": "main", "image": "any", "command": ["sh", "-c", script], **more}


def status(cluster, namespace, name):
    """The status of a pod's first container."""
    found = cluster.get("pod", namespace, name)["status"]
    return (found.get("containerStatuses") or [{"state": {}, "restartCount": 0, "ready": False}])[0]


def phase(cluster, namespace, name):
    """A pod's phase."""
    return cluster.get("pod", namespace, name)["status"]["phase"]


def test_init_containers_run_first_and_in_order(cluster, namespace):
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    first = {**shell("sleep 0.2; echo first >> /v/order", **mount), "name": "first"}
    second = {**shell("echo second >> /v/order", **mount), "name": "second"}
    volumes = [{"name": "v", "emptyDir": {}}]
    main = shell("cat /v/order; exec sleep infinity", **mount)
    cluster.apply(pod("one", main, initContainers=[first, second], volumes=volumes), namespace)
    cluster.wait_ready("pod", namespace, "one")
    until(lambda: cluster.logs(namespace, "one", "main") == "first\nsecond\n")


def test_a_sidecar_is_up_before_and_until_after_the_others(cluster, namespace):
    script = "trap 'echo {0} >> /v/ends; exit' TERM; while :; do sleep 0.05; done"
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    ready = {"exec": {"command": ["true"]}, "periodSeconds": 1}
    sidecar = {
        **shell(script.format("sidecar"), **mount),
        "name": "side",
        "restartPolicy": "Always",
        "startupProbe": ready,
    }
    main = shell(script.format("main"), **mount)
    volumes = [{"name": "v", "emptyDir": {}}]
    one = pod("one", main, initContainers=[sidecar], volumes=volumes, terminationGracePeriodSeconds=10)
    cluster.apply(one, namespace)
    cluster.wait_ready("pod", namespace, "one")
    found = cluster.get("pod", namespace, "one")["status"]
    assert found["initContainerStatuses"][0]["started"] is True
    began = found["initContainerStatuses"][0]["state"]["running"]["startedAt"]
    assert began <= found["containerStatuses"][0]["state"]["running"]["startedAt"]
    cluster.control_plane.kubectl("delete", "pod", "one", "-n", namespace, "--timeout=20s")
    (ends,) = cluster.folder.glob(f"pods/{namespace}_one_*/volumes/v/ends")
    assert ends.read_text() == "main\nsidecar\n"


@pytest.mark.parametrize(("script", "expected"), [("exit 0", "Succeeded"), ("exit 3", "Failed")])
def test_a_pod_that_is_not_restarted_ends_as_its_command(cluster, namespace, script, expected):
    cluster.apply(pod("one", shell(script), restartPolicy="Never"), namespace)
    until(lambda: phase(cluster, namespace, "one") == expected)
    assert status(cluster, namespace, "one")["restartCount"] == 0


def test_a_job_completes(cluster, namespace):
    job = {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"},
        "spec": {"template": {"spec": {"restartPolicy": "OnFailure", "containers": [shell("echo done")]}}},
    }  # fmt: skip
    cluster.apply(job, namespace)
    cluster.control_plane.kubectl("wait", "job/job", "--for=condition=complete", "--timeout=30s", "-n", namespace)


def test_a_command_that_fails_is_restarted_after_a_back_off(cluster, namespace):
    cluster.apply(pod("one", shell("echo again; exit 1")), namespace)
    until(lambda: status(cluster, namespace, "one")["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff")
    until(lambda: status(cluster, namespace, "one")["restartCount"] >= 2)
    assert status(cluster, namespace, "one")["lastState"]["terminated"]["exitCode"] == 1
    assert cluster.logs(namespace, "one").count("again") >= 2


def test_a_pod_killed_without_warning_comes_back(cluster, namespace):
    cluster.apply(pod("one", container()), namespace)
    cluster.wait_ready("pod", namespace, "one")
    cluster.kill_pod(namespace, "one")
    until(lambda: status(cluster, namespace, "one")["restartCount"] == 1)
    cluster.wait_ready("pod", namespace, "one")
    assert status(cluster, namespace, "one")["lastState"]["terminated"]["exitCode"] == 128 + signal.SIGKILL


def test_readiness_decides_who_is_an_endpoint(cluster, namespace):
    cluster.apply([workload("Deployment", "hello", container(), replicas=2), service("hello")], namespace)
    cluster.wait_ready("deployment", namespace, "hello")
    one, other = cluster.pods(namespace, "app=hello")
    until(lambda: len(ready_addresses(cluster, namespace, "hello")) == 2)
    cluster.exec(namespace, one["metadata"]["name"], "touch", "/tmp/unready")
    until(lambda: ready_addresses(cluster, namespace, "hello") == {other["status"]["podIP"]})
    assert "readiness: status 503" in cluster.events(namespace, one["metadata"]["name"])
    cluster.exec(namespace, one["metadata"]["name"], "rm", "/tmp/unready")
    until(lambda: len(ready_addresses(cluster, namespace, "hello")) == 2)


def test_a_container_that_hangs_is_restarted_by_its_liveness(cluster, namespace):
    liveness = {"tcpSocket": {"port": 8080}, "periodSeconds": 1, "failureThreshold": 2, "timeoutSeconds": 1}
    alive = {"exec": {"command": ["test", "!", "-e", "/tmp/dead"]}, "periodSeconds": 1, "failureThreshold": 1}
    both = container(livenessProbe=alive, startupProbe={**liveness, "failureThreshold": 30})
    cluster.apply(pod("one", both, terminationGracePeriodSeconds=1), namespace)
    cluster.wait_ready("pod", namespace, "one")
    cluster.exec(namespace, "one", "touch", "/tmp/dead")
    cluster.signal_pod(namespace, "one", signal.SIGSTOP)  # so that only SIGKILL ends it
    until(lambda: status(cluster, namespace, "one")["restartCount"] == 1)
    cluster.wait_ready("pod", namespace, "one")  # what it wrote to /tmp went with it
    assert status(cluster, namespace, "one")["lastState"]["terminated"]["exitCode"] == 128 + signal.SIGKILL


def test_who_never_starts_is_restarted_by_its_startup_probe(cluster, namespace):
    startup = {"tcpSocket": {"port": 1}, "periodSeconds": 1, "failureThreshold": 1}
    cluster.apply(pod("one", shell("exec sleep infinity", startupProbe=startup)), namespace)
    until(lambda: status(cluster, namespace, "one")["restartCount"] >= 1)
    assert "startup probe failed" in cluster.events(namespace, "one")


def test_the_end_is_prestop_then_sigterm(cluster, namespace):
    hook = {"exec": {"command": ["sh", "-c", "echo preStop >> /proc/1/fd/1; sleep 0.5"]}}
    cluster.apply(
        [workload("Deployment", "hello", container(lifecycle={"preStop": hook})), service("hello")], namespace
    )
    cluster.wait_ready("deployment", namespace, "hello")
    (one,) = cluster.pods(namespace, "app=hello")
    name = one["metadata"]["name"]
    cluster.control_plane.kubectl("delete", "pod", name, "-n", namespace, "--timeout=20s")
    assert cluster.logs(namespace, name) == "listening\npreStop\nSIGTERM\nended\n"
    assert "preStop: done" in cluster.events(namespace, name)


def test_kubectl_shows_the_logs(cluster, namespace):
    cluster.apply(pod("one", shell("echo a; echo b; echo c; exec sleep infinity")), namespace)
    cluster.wait_ready("pod", namespace, "one")
    until(lambda: cluster.control_plane.kubectl("logs", "one", "-n", namespace) == "a\nb\nc\n")
    assert cluster.control_plane.kubectl("logs", "one", "--tail=2", "-n", namespace) == "b\nc\n"
    cluster.apply(pod("two", shell("sleep 0.5; echo end")), namespace)
    cluster.wait_ready("pod", namespace, "two")
    assert cluster.control_plane.kubectl("logs", "-f", "two", "-n", namespace).startswith("end\n")


def test_who_ignores_sigterm_is_killed_when_its_grace_is_over(cluster, namespace):
    stubborn = {"name": "main", "image": "python", "args": ["-c", STUBBORN]}
    cluster.apply(pod("one", stubborn, terminationGracePeriodSeconds=1), namespace)
    until(lambda: cluster.logs(namespace, "one") == "up\n")
    cluster.control_plane.kubectl("delete", "pod", "one", "-n", namespace, "--timeout=15s")
    with pytest.raises(LookupError, match="no running container"):
        cluster.exec(namespace, "one", "true")


def test_a_forced_deletion_waits_for_nobody(cluster, namespace):
    stubborn = {"name": "main", "image": "python", "args": ["-c", STUBBORN]}
    cluster.apply(pod("one", stubborn, terminationGracePeriodSeconds=300), namespace)
    until(lambda: cluster.logs(namespace, "one") == "up\n")
    cluster.control_plane.kubectl("delete", "pod", "one", "-n", namespace, "--grace-period=0", "--force")

    def ended():
        with pytest.raises(LookupError, match="no running container"):
            cluster.exec(namespace, "one", "true")
        return True

    until(lambda: not list(cluster.folder.glob(f"pods/{namespace}_one_*/main/pid")) and ended())
