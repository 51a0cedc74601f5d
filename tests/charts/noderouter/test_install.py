"""The life of a release on a real API server: install, edit, upgrade, roll back, uninstall."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.charts.helm import CHART, Helm, Object, ci_values, one, parsed
from tests.cluster.any_cluster import until
from tests.cluster.controlplane import CommandFailed, ControlPlane

DTAB = "/svc => /a ;\n"
EDITED = "/svc => /a ;\n/svc/hello => /b ;\n"
OTHER = "/svc => /c ;\n"


@dataclass(frozen=True, slots=True)
class Release:
    """A release of the chart in a namespace of its own."""

    plane: ControlPlane
    namespace: str
    folder: Path

    def helm(self, verb: str, *args: str) -> str:
        # There is no node that could run hooks.
        without = ("--no-hooks",) if verb in ("upgrade", "uninstall") else ()
        return self.plane.helm(verb, "router", *args, *without, "--namespace", self.namespace)

    def install(self, *args: str) -> None:
        self.helm("install", str(CHART), "--wait", *args)

    def upgrade(self, *args: str) -> None:
        self.helm("upgrade", str(CHART), "--wait", *args)

    def dtab(self, text: str) -> tuple[str, str]:
        """Arguments that set the value `dtab`."""
        file = self.folder / "dtab"
        file.write_text(text)
        return "--set-file", f"dtab={file}"

    def live(self) -> Object:
        """The dtab ConfigMap as it is in the cluster."""
        text = self.plane.kubectl("get", "configmap", "router-noderouter-dtab", "-n", self.namespace, "-o", "yaml")
        return parsed(text)[0]

    def table(self) -> str:
        text: str = self.live()["data"]["dtab"]
        return text

    def edit(self, text: str) -> None:
        """What `kubectl edit` does: read, change, replace."""
        live = self.live()
        live["data"]["dtab"] = text
        self.plane.kubectl("replace", "-f", "-", input=yaml.safe_dump(live))

    def objects(self) -> set[str]:
        """Everything of this release that there is, by kind and name; what belongs to all namespaces included."""
        kinds = "daemonsets,configmaps,services,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings,"
        kinds += "pods,secrets,networkpolicies,controllerrevisions,endpointslices"
        label = "app.kubernetes.io/instance=router"
        found = self.plane.kubectl("get", kinds, "-n", self.namespace, "-l", label, "-o", "name").split()
        return {name for name in found if "clusterrole" not in name or self.namespace in name}


@pytest.fixture
def release(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[Release]:
    made = Release(control_plane, namespace, tmp_path)
    yield made
    try:
        made.helm("uninstall", "--ignore-not-found", "--wait")
    finally:
        control_plane.kubectl(
            "delete", "clusterrole,clusterrolebinding", f"{namespace}:router-noderouter", "--ignore-not-found"
        )


OTHERS = ("monitoring.coreos.com/", "cert-manager.io/")
"""Groups of objects that operators bring, which are not there."""


def test_install_and_uninstall_leave_nothing_behind(release: Release, control_plane: ControlPlane):
    def everything() -> set[str]:
        kinds = control_plane.kubectl("api-resources", "--verbs=list", "--namespaced", "-o", "name").split()
        kinds = sorted(set(kinds) - {"events", "events.events.k8s.io"})
        found = control_plane.kubectl("get", ",".join(kinds), "-n", release.namespace, "-o", "name").split()
        found += control_plane.kubectl("get", "clusterroles,clusterrolebindings", "-o", "name").split()
        return set(found)

    before = everything()
    release.install()
    made = release.objects()
    kinds = {name.partition("/")[0].partition(".")[0] for name in made}
    assert kinds >= {"daemonset", "configmap", "service", "serviceaccount", "role", "rolebinding", "clusterrole"}
    release.helm("uninstall", "--wait")
    until(lambda: everything() == before)  # where there are nodes, pods end a moment later


@pytest.mark.parametrize("profile", sorted(ci_values()))
def test_the_api_server_accepts_what_is_rendered(helm: Helm, control_plane: ControlPlane, profile: str, namespace: str):
    """With the strictest validation it has: an unknown or repeated field is an error."""
    objects = [o for o in helm.objects(ci_values()[profile]) if not o["apiVersion"].startswith(OTHERS)]
    for o in objects:
        if "namespace" in o["metadata"]:
            o["metadata"]["namespace"] = namespace
    text = yaml.safe_dump_all(objects)
    said = control_plane.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", input=text)
    assert said.count("(server dry run)") == len(objects)


@pytest.mark.parametrize(("host_port", "level", "accepted"), [(True, "baseline", False), (False, "restricted", True)])
def test_what_the_pod_security_standards_say(
    helm: Helm, control_plane: ControlPlane, namespace: str, host_port: bool, level: str, accepted: bool
):
    control_plane.kubectl("label", "namespace", namespace, f"pod-security.kubernetes.io/enforce={level}")
    values = {"ports": {"outgoing": {"hostPort": 4140 if host_port else None}}}
    template = one(helm.objects(values), "DaemonSet")["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "router"}, "spec": template["spec"]}
    pod["spec"]["serviceAccountName"] = "default"
    pod["spec"]["priorityClassName"] = None
    apply = ("apply", "--dry-run=server", "-n", namespace, "-f", "-")
    if accepted:
        control_plane.kubectl(*apply, input=yaml.safe_dump(pod))
    else:
        with pytest.raises(CommandFailed, match=r"violates PodSecurity.*hostPort"):
            control_plane.kubectl(*apply, input=yaml.safe_dump(pod))


@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_interception_needs_a_privileged_namespace(helm: Helm, control_plane: ControlPlane, namespace: str, level: str):
    control_plane.kubectl("label", "namespace", namespace, f"pod-security.kubernetes.io/enforce={level}")
    template = one(helm.objects({"intercept": {"enabled": True}}), "DaemonSet")["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "router"}, "spec": template["spec"]}
    pod["spec"]["serviceAccountName"] = "default"
    pod["spec"]["priorityClassName"] = None
    apply = ("apply", "--dry-run=server", "-n", namespace, "-f", "-")
    with pytest.raises(CommandFailed, match=r"violates PodSecurity.*NET_ADMIN"):
        control_plane.kubectl(*apply, input=yaml.safe_dump(pod))
    control_plane.kubectl(
        "label", "--overwrite", "namespace", namespace, "pod-security.kubernetes.io/enforce=privileged"
    )
    control_plane.kubectl(*apply, input=yaml.safe_dump(pod))


SOON = "minReadySeconds=0,readinessProbe.periodSeconds=1,preStopSeconds=0"
"""For where there are nodes, which roll with each upgrade."""


def captured(*values: str) -> tuple[str, ...]:
    return "--set", ",".join([SOON, "intercept.enabled=true", *(f"intercept.{value}" for value in values)])


def test_the_notes_say_how_to_leave_a_namespace_out(release: Release):
    said = release.helm("install", str(CHART), *captured())
    assert "kubectl label namespace prod noderouter.io/intercept=disabled" in said
    assert (
        f"kubectl label --overwrite namespace {release.namespace} pod-security.kubernetes.io/enforce=privileged" in said
    )
    assert "connections are refused" not in said
    release.helm("uninstall")


def test_rules_that_refuse_are_not_left_behind_by_an_upgrade(release: Release):
    """They would refuse for good: nobody would be there who could take them away."""
    release.install(*captured("failureMode=closed"))
    for values in ("intercept.enabled=false", "intercept.enabled=true,intercept.mode=nft"):
        with pytest.raises(CommandFailed, match="Change failureMode to `open` first"):
            release.upgrade("--set", values)
    release.upgrade(*captured("failureMode=closed", "port=5143"))
    release.upgrade(*captured("failureMode=open"))
    release.upgrade(*captured("failureMode=open", "mode=nft"))
    release.upgrade("--set", f"{SOON},intercept.enabled=false")


def test_the_notes_say_what_was_installed(release: Release):
    said = release.helm("install", str(CHART))
    assert f"kubectl -n {release.namespace} edit configmap router-noderouter-dtab" in said
    assert "http://$(NODE_IP):4140" in said
    assert "is another one than the value" not in said
    release.edit(EDITED)
    assert "is another one than the value" in release.helm("upgrade", str(CHART))


def test_an_upgrade_keeps_what_was_edited(release: Release):
    release.install(*release.dtab(DTAB))
    assert release.table() == DTAB
    release.edit(EDITED)
    for _ in range(2):  # the second one starts from a release that has the edit in it
        release.upgrade(*release.dtab(DTAB), "--set", "logLevel=DEBUG")
        assert release.table() == EDITED
    release.edit(DTAB)
    release.upgrade(*release.dtab(DTAB))
    assert release.table() == DTAB


def test_an_upgrade_that_changes_the_value_takes_it_where_nothing_was_edited(release: Release):
    release.install(*release.dtab(DTAB))
    release.upgrade(*release.dtab(OTHER))
    assert release.table() == OTHER
    release.upgrade(*release.dtab(DTAB))
    assert release.table() == DTAB


def test_where_both_were_changed_nothing_is_done_and_helm_says_so(release: Release):
    release.install(*release.dtab(DTAB))
    release.edit(EDITED)
    before = release.live()
    with pytest.raises(CommandFailed, match="was edited, too: nothing is done"):
        release.upgrade(*release.dtab(OTHER), "--set", "logLevel=DEBUG")
    assert release.live() == before
    daemonset = release.plane.kubectl("get", "daemonset", "router-noderouter", "-n", release.namespace, "-o", "yaml")
    assert "--log-level=INFO" in daemonset
    release.upgrade(*release.dtab(EDITED))  # the edit, put into the value
    assert release.table() == EDITED
    release.upgrade(*release.dtab(OTHER))
    assert release.table() == OTHER


def test_where_both_were_changed_the_value_may_win_and_the_edit_is_kept_beside_it(release: Release):
    release.install(*release.dtab(DTAB))
    release.edit(EDITED)
    release.upgrade(*release.dtab(OTHER), "--set", "dtabConfigMap.onConflict=values")
    assert release.live()["data"] == {"dtab": OTHER, "dtab.replaced": EDITED}
    release.upgrade(*release.dtab(OTHER))
    assert release.live()["data"] == {"dtab": OTHER, "dtab.replaced": EDITED}


def test_where_both_were_changed_the_edit_may_win(release: Release):
    release.install(*release.dtab(DTAB))
    release.edit(EDITED)
    release.upgrade(*release.dtab(OTHER), "--set", "dtabConfigMap.onConflict=live")
    assert release.table() == EDITED
    release.upgrade(*release.dtab(OTHER))  # the same value as the last time
    assert release.table() == EDITED


def test_a_dry_run_on_the_server_shows_the_table_that_stays(release: Release):
    release.install(*release.dtab(DTAB))
    release.edit(EDITED)
    said = release.helm("upgrade", str(CHART), "--dry-run=server", *release.dtab(DTAB))
    assert "/svc/hello => /b" in said


def test_a_rollback_goes_back_to_the_table_of_that_revision(release: Release):
    """Helm applies the manifest that it stored. docs/chart.md says so, and how to go back without it."""
    release.install(*release.dtab(DTAB))
    release.upgrade(*release.dtab(DTAB), "--set", "logLevel=DEBUG")
    release.edit(EDITED)
    release.helm("rollback", "1", "--wait")
    assert release.table() == DTAB
    daemonset = release.plane.kubectl("get", "daemonset", "router-noderouter", "-n", release.namespace, "-o", "yaml")
    assert "--log-level=INFO" in daemonset


def test_going_back_by_an_upgrade_keeps_the_table(release: Release):
    release.install(*release.dtab(DTAB))
    release.upgrade(*release.dtab(DTAB), "--set", "image.tag=broken")
    release.edit(EDITED)
    release.upgrade("--reset-then-reuse-values", "--set", "image.tag=0.1.0")
    assert release.table() == EDITED


def test_a_failed_upgrade_and_its_rollback_keep_the_table(release: Release):
    """`--atomic` rolls back to the revision before, whose manifest has the table as it was then."""
    release.install(*release.dtab(DTAB))
    release.edit(EDITED)
    release.upgrade(*release.dtab(DTAB))
    with pytest.raises(CommandFailed):
        release.upgrade(*release.dtab(DTAB), "--atomic", "--set", "resources.requests.memory=much")
    assert release.table() == EDITED


def test_the_table_may_outlive_the_release(release: Release):
    release.install(*release.dtab(DTAB), "--set", "dtabConfigMap.keep=true")
    release.edit(EDITED)
    release.helm("uninstall", "--wait")
    assert release.table() == EDITED
    release.install(*release.dtab(DTAB), "--set", "dtabConfigMap.keep=true")
    assert release.table() == EDITED
    release.upgrade(*release.dtab(DTAB))
    release.helm("uninstall", "--wait")
    until(lambda: release.objects() == set())


def test_a_table_of_one_s_own_is_left_alone(release: Release):
    text = yaml.safe_dump(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine"}, "data": {"dtab": EDITED}}
    )
    release.plane.kubectl("apply", "-n", release.namespace, "-f", "-", input=text)
    chosen = ("--set", "dtabConfigMap.create=false,dtabConfigMap.name=mine")
    release.install(*chosen)
    release.upgrade(*chosen, *release.dtab(OTHER))
    release.helm("uninstall", "--wait")
    kept = release.plane.kubectl("get", "configmap", "mine", "-n", release.namespace, "-o", "yaml")
    assert parsed(kept)[0]["data"] == {"dtab": EDITED}
