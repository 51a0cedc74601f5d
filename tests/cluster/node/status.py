"""A pod's status as the kubelet writes it: what the controllers make EndpointSlices and rollouts of."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.cluster.node.api import Object
from tests.cluster.node.container import Container, now
from tests.cluster.node.facts import Facts


@dataclass
class PodStatus:
    """Computes the status of one pod; remembers when each condition changed."""

    facts: Facts
    init: Sequence[Container]
    main: Sequence[Container]
    started: str = field(default_factory=now)
    initialized: bool = False
    _conditions: dict[str, Object] = field(default_factory=dict)

    def compute(self) -> Object:
        """The status now."""
        phase = self._phase()
        ready = phase == "Running" and all(container.ready for container in self.main)
        reason = "PodCompleted" if phase == "Succeeded" else "ContainersNotReady"
        self._condition("PodScheduled", True)
        self._condition("Initialized", self.initialized, "ContainersNotInitialized")
        self._condition("ContainersReady", ready, reason)
        self._condition("Ready", ready, reason)
        return {
            "phase": phase,
            "conditions": list(self._conditions.values()),
            "hostIP": self.facts.host_ip,
            "hostIPs": [{"ip": self.facts.host_ip}],
            "podIP": self.facts.pod_ip,
            "podIPs": [{"ip": self.facts.pod_ip}],
            "startTime": self.started,
            "initContainerStatuses": [container_status(container) for container in self.init],
            "containerStatuses": [container_status(container) for container in self.main],
        }

    def _phase(self) -> str:
        policy = self.facts.pod["spec"].get("restartPolicy", "Always")
        if policy == "Never" and any(c.exit_code for c in self.init):
            return "Failed"
        if not self.initialized or all("waiting" in c.state and not c.restarts for c in self.main):
            return "Pending"
        stays = policy != "Always" or "deletionTimestamp" in self.facts.pod["metadata"]
        codes = [container.exit_code for container in self.main]
        if not stays or None in codes:
            return "Running"
        return "Failed" if any(codes) else "Succeeded"

    def _condition(self, kind: str, value: bool, reason: str = "") -> None:
        status = "True" if value else "False"
        before = self._conditions.get(kind)
        if before is None or before["status"] != status:
            fresh: Object = {"type": kind, "status": status, "lastTransitionTime": now()}
            if not value and reason:
                fresh["reason"] = reason
            self._conditions[kind] = fresh


def container_status(container: Container) -> Object:
    """The status of one container; init containers are ready when they have succeeded."""
    return {
        "name": container.name,
        "image": container.spec["image"],
        "imageID": container.spec["image"],
        "state": container.state,
        "lastState": container.last_state,
        "ready": container.ready or container.exit_code == 0,
        "started": container.started,
        "restartCount": container.restarts,
    }
