"""Whether what says who may reach what is there, and valid."""

from noderouter.commands.check.config_maps import listed
from noderouter.commands.check.finding import Finding, fail, ok, warn
from noderouter.kubernetes.api import Api
from noderouter.naming.stored.key import Key, NotText, Object, text_under
from noderouter.naming.stored.text import TextError
from noderouter.policy.keys import LANGUAGES


async def check_policies(api: Api, namespace: str, name: str) -> list[Finding]:
    """Check each key of one ConfigMap."""
    subject = f"policy {namespace}/{name}"
    found = await listed(api, namespace, name, subject)
    if isinstance(found, Finding):
        return [found]
    if found is None:
        hint = f"kubectl -n {namespace} create configmap {name} --from-file=policies=FILE"
        return [warn(subject, "there is no such ConfigMap: everybody may reach everything", hint)]
    return [judged(Key(namespace, name, key), found) for key in LANGUAGES]


def judged(key: Key, thing: Object) -> Finding:
    """Return the finding about one key of a ConfigMap that is there."""
    subject, language = f"policy {key}", LANGUAGES[key.filename]
    mend = "routers keep the last good one; kubectl edit it"
    try:
        text = text_under(thing, key.filename)
    except NotText as error:
        return fail(subject, str(error), mend)
    if text is None:
        return ok(subject, f"no such key: an empty {language.name}")
    value = language.read(text.encode("utf-8", "surrogatepass"))
    if isinstance(value, TextError):
        return fail(subject, str(value), mend)
    return ok(subject, f"valid, {language.size(value)} entries, hash {language.hash(value)}")
