"""The classifiers `io.l5d.h2.*` that go by the status of HTTP: as those of `io.l5d.http.*`."""

from typing import ClassVar, Literal

from noderouter.proxy.classifier.kind import Classifier, ClassifierKind
from noderouter.proxy.classifier.verdicts import AnyResponse, ByStatus
from noderouter.proxy.http.methods import ALL, IDEMPOTENT, READ


class H2NonRetryable5XX(ClassifierKind):
    """`io.l5d.h2.nonRetryable5XX`: nothing is retryable, but for `l5d-retryable`."""

    kind_name: ClassVar[str] = "io.l5d.h2.nonRetryable5XX"

    kind: Literal["io.l5d.h2.nonRetryable5XX"] = "io.l5d.h2.nonRetryable5XX"

    def build(self) -> Classifier:
        """See `ClassifierKind`."""
        return ByStatus(frozenset())


class H2RetryableRead5XX(ClassifierKind):
    """`io.l5d.h2.retryableRead5XX`: GET, HEAD, OPTIONS and TRACE are retryable."""

    kind_name: ClassVar[str] = "io.l5d.h2.retryableRead5XX"

    kind: Literal["io.l5d.h2.retryableRead5XX"] = "io.l5d.h2.retryableRead5XX"

    def build(self) -> Classifier:
        """See `ClassifierKind`."""
        return ByStatus(READ)


class H2RetryableIdempotent5XX(ClassifierKind):
    """`io.l5d.h2.retryableIdempotent5XX`: those, PUT and DELETE are retryable."""

    kind_name: ClassVar[str] = "io.l5d.h2.retryableIdempotent5XX"

    kind: Literal["io.l5d.h2.retryableIdempotent5XX"] = "io.l5d.h2.retryableIdempotent5XX"

    def build(self) -> Classifier:
        """See `ClassifierKind`."""
        return ByStatus(IDEMPOTENT)


class H2RetryableAll5XX(ClassifierKind):
    """`io.l5d.h2.retryableAll5XX`: those, POST and PATCH are retryable."""

    kind_name: ClassVar[str] = "io.l5d.h2.retryableAll5XX"

    kind: Literal["io.l5d.h2.retryableAll5XX"] = "io.l5d.h2.retryableAll5XX"

    def build(self) -> Classifier:
        """See `ClassifierKind`."""
        return ByStatus(ALL)


class H2AllSuccessful(ClassifierKind):
    """`io.l5d.h2.allSuccessful`: every response is a success."""

    kind_name: ClassVar[str] = "io.l5d.h2.allSuccessful"

    kind: Literal["io.l5d.h2.allSuccessful"] = "io.l5d.h2.allSuccessful"

    def build(self) -> Classifier:
        """See `ClassifierKind`."""
        return AnyResponse()
