"""The HTTP classifiers `io.l5d.http.*`; how they judge is in `verdicts`."""

from typing import ClassVar, Literal

from noderouter.proxy.classifier.kind import Classifier, ClassifierKind
from noderouter.proxy.classifier.verdicts import AnyResponse, ByStatus
from noderouter.proxy.http.methods import ALL, IDEMPOTENT, READ


class NonRetryable5XX(ClassifierKind):
    """`io.l5d.http.nonRetryable5XX`: nothing is retryable, but for `l5d-retryable`."""

    kind_name: ClassVar[str] = "io.l5d.http.nonRetryable5XX"

    kind: Literal["io.l5d.http.nonRetryable5XX"] = "io.l5d.http.nonRetryable5XX"

    def build(self) -> Classifier:
        """See `ClassifierKind`."""
        return ByStatus(frozenset())


class RetryableRead5XX(ClassifierKind):
    """`io.l5d.http.retryableRead5XX`: GET, HEAD, OPTIONS and TRACE are retryable."""

    kind_name: ClassVar[str] = "io.l5d.http.retryableRead5XX"

    kind: Literal["io.l5d.http.retryableRead5XX"] = "io.l5d.http.retryableRead5XX"

    def build(self) -> Classifier:
        """See `ClassifierKind`."""
        return ByStatus(READ)


class RetryableIdempotent5XX(ClassifierKind):
    """`io.l5d.http.retryableIdempotent5XX`: those, PUT and DELETE are retryable."""

    kind_name: ClassVar[str] = "io.l5d.http.retryableIdempotent5XX"

    kind: Literal["io.l5d.http.retryableIdempotent5XX"] = "io.l5d.http.retryableIdempotent5XX"

    def build(self) -> Classifier:
        """See `ClassifierKind`."""
        return ByStatus(IDEMPOTENT)


class RetryableAll5XX(ClassifierKind):
    """`io.l5d.http.retryableAll5XX`: those, POST and PATCH are retryable."""

    kind_name: ClassVar[str] = "io.l5d.http.retryableAll5XX"

    kind: Literal["io.l5d.http.retryableAll5XX"] = "io.l5d.http.retryableAll5XX"

    def build(self) -> Classifier:
        """See `ClassifierKind`."""
        return ByStatus(ALL)


class AllSuccessful(ClassifierKind):
    """`io.l5d.http.allSuccessful`: every response is a success."""

    kind_name: ClassVar[str] = "io.l5d.http.allSuccessful"

    kind: Literal["io.l5d.http.allSuccessful"] = "io.l5d.http.allSuccessful"

    def build(self) -> Classifier:
        """See `ClassifierKind`."""
        return AnyResponse()
