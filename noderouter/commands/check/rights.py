"""Whether RBAC allows what a configuration needs, asked of the API itself, right by right."""

from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

from noderouter.commands.check.finding import Finding, fail, ok, warn
from noderouter.kubernetes.api import Api
from noderouter.kubernetes.errors import ApiError
from noderouter.kubernetes.needs import Right

API: Final = "authorization.k8s.io/v1"


async def check_rights(api: Api, rights: Iterable[Right], account: tuple[str, str] | None) -> AsyncIterator[Finding]:
    """Yield a finding for each right. `account` is the namespace and name of a service account to check instead."""
    for right in sorted(rights):
        try:
            allowed = await _allowed(api, right, account)
        except ApiError as error:
            hint = (
                "asking for others needs the right to create subjectaccessreviews" if account else "see the line above"
            )
            yield fail("rights", f"cannot be asked for: {error.reason}", hint)
            return
        yield judged(right, allowed)


def judged(right: Right, allowed: bool) -> Finding:
    """Return the finding about a right."""
    subject = f"right to {right}"
    if allowed:
        return ok(subject, "granted")
    hint = f"grant it: apiGroups [{right.group!r}], resources [{right.resource}], verbs [{right.verb}]"
    if right.without:
        return warn(subject, f"not granted: {right.without}", hint)
    return fail(subject, "not granted", hint)


async def _allowed(api: Api, right: Right, account: tuple[str, str] | None) -> bool:
    attributes = {"verb": right.verb, "group": right.group, "resource": right.resource}
    attributes |= {key: value for key, value in (("namespace", right.namespace), ("name", right.name)) if value}
    spec: dict[str, Any] = {"resourceAttributes": attributes}
    kind = "SelfSubjectAccessReview"
    if account is not None:
        kind = "SubjectAccessReview"
        namespace, name = account
        spec["user"] = f"system:serviceaccount:{namespace}:{name}"
        spec["groups"] = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
    body = {"apiVersion": API, "kind": kind, "spec": spec}
    answer = await api.send("POST", f"/apis/{API}/{kind.lower()}s", body)
    try:
        return answer["status"]["allowed"] is True
    except (KeyError, TypeError) as error:
        raise ApiError(f"POST {kind}: no verdict in the answer") from error
