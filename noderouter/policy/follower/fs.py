"""`io.noderouter.fs`: policies and limits in files.

    policy:
      kind: io.noderouter.fs
      policiesFile: /etc/noderouter/policy/policies
      limitsFile: /etc/noderouter/policy/limits

Each may be changed in any way at any time (`naming/stored/file.py`): an edit is in effect at once, an invalid one
changes nothing. Where a file was never valid, it is not known who may reach what, and nobody does.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

from noderouter.kubernetes.access import ApiKeys
from noderouter.naming.runtime import Runtime
from noderouter.naming.stored.file import TextFile
from noderouter.naming.stored.stored import StoredText
from noderouter.naming.stored.text import Language
from noderouter.policy.follower.kind import Follower, PolicyKind
from noderouter.schema.fields import FilePath
from noderouter.schema.kind import model_validator
from noderouter.schema.needs import Need


class Fs(ApiKeys, PolicyKind):
    """Follows up to one file for each key; there are none of what no file is named for.

    Pods are followed where `nodeName` says of which node; without it, only what is outside can be protected.
    """

    kind_name: ClassVar[str] = "io.noderouter.fs"

    policiesFile: FilePath | None = None
    limitsFile: FilePath | None = None

    @model_validator(mode="after")
    def _any(self) -> Self:
        if self.policiesFile is None and self.limitsFile is None:
            raise ValueError("`policiesFile` or `limitsFile` is needed")
        return self

    @property
    def node(self) -> str | None:
        """See `PolicyKind`."""
        return self.nodeName

    def needs(self, namespace: str | None = None) -> Iterable[Need]:
        """See `Model`."""
        return self.pod_rights() if self.nodeName is not None else ()

    def build(self, runtime: Runtime, languages: Mapping[str, Language[Any]]) -> Follower:
        """See `PolicyKind`; the files have been read when this returns."""
        paths = {"policies": self.policiesFile, "limits": self.limitsFile}
        texts: dict[str, StoredText[Any]] = {}
        for key, language in languages.items():
            path = paths[key]
            texts[key] = stored = StoredText(path or key, language)
            if path is None:
                stored.apply(language.empty)
            else:
                runtime.files.add(path, TextFile(path, stored, runtime.log, runtime.start_soon).load)
        return Follower(texts)
