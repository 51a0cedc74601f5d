"""The role `responseClassifier` of a service.

Its verdicts drive `success` and `failures`, failure accrual, `l5d-success-class` and classified retries.
"""

from typing import Protocol

from noderouter.core.exchange import Classifier as Judge
from noderouter.core.exchange import Exchange, Verdict
from noderouter.schema.kind import Kind


class Classifier(Judge, Protocol):
    """Judges attempts: `head` before anything of the response has gone to the client, `end` when it is complete."""

    def error(self, exchange: Exchange, exc: Exception) -> Verdict:
        """Judge an attempt that ended in `exc` instead of a response. Never SUCCESS."""
        ...

    def waits(self) -> bool:
        """Whether it can turn out at the end of a response that it is retryable."""
        ...


class ClassifierKind(Kind):
    """What `responseClassifier` may be (`io.l5d.http.nonRetryable5XX` where it is absent)."""

    def build(self) -> Classifier:
        """The classifier; it has no state and can be shared."""
        raise NotImplementedError
