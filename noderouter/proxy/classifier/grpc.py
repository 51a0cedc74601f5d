"""The classifiers `io.l5d.h2.grpc.*`; how they judge is in `grpc_verdicts`.

On purpose: `compliant` does what it says. In Linkerd 1.7.5 its name made the default one.
"""

from typing import Annotated, ClassVar, Final, Literal

from noderouter.core.grpc import Status
from noderouter.proxy.classifier.grpc_verdicts import ByGrpcStatus
from noderouter.proxy.classifier.kind import Classifier, ClassifierKind
from noderouter.schema.kind import Field, Several

EVERY: Final = frozenset(map(int, Status))
UNAVAILABLE: Final = frozenset({int(Status.UNAVAILABLE)})

GrpcStatus = Annotated[int, Field(ge=0, le=max(Status))]


class GrpcClassifierKind(ClassifierKind):
    """The key that all of them have."""

    successStatusCodes: Several[GrpcStatus] = (0,)
    """The statuses of calls that succeeded."""

    def success(self) -> frozenset[int]:
        """The same as a set."""
        return frozenset(self.successStatusCodes)


class GrpcDefault(GrpcClassifierKind):
    """`io.l5d.h2.grpc.default`: UNAVAILABLE (14) is retryable."""

    kind_name: ClassVar[str] = "io.l5d.h2.grpc.default"

    kind: Literal["io.l5d.h2.grpc.default"] = "io.l5d.h2.grpc.default"

    def build(self) -> Classifier:
        """See `ClassifierKind`."""
        return ByGrpcStatus(self.success(), UNAVAILABLE)


class GrpcCompliant(GrpcClassifierKind):
    """`io.l5d.h2.grpc.compliant`: so are what gRPC takes for it: 429, 502, 503 and 504 of HTTP, and REFUSED_STREAM."""

    kind_name: ClassVar[str] = "io.l5d.h2.grpc.compliant"

    kind: Literal["io.l5d.h2.grpc.compliant"] = "io.l5d.h2.grpc.compliant"

    def build(self) -> Classifier:
        """See `ClassifierKind`."""
        return ByGrpcStatus(self.success(), UNAVAILABLE, compliant=True)


class GrpcAlwaysRetryable(GrpcClassifierKind):
    """`io.l5d.h2.grpc.alwaysRetryable`: every call that failed is retryable."""

    kind_name: ClassVar[str] = "io.l5d.h2.grpc.alwaysRetryable"

    kind: Literal["io.l5d.h2.grpc.alwaysRetryable"] = "io.l5d.h2.grpc.alwaysRetryable"

    def build(self) -> Classifier:
        """See `ClassifierKind`."""
        return ByGrpcStatus(self.success(), EVERY)


class GrpcNeverRetryable(GrpcClassifierKind):
    """`io.l5d.h2.grpc.neverRetryable`: none is."""

    kind_name: ClassVar[str] = "io.l5d.h2.grpc.neverRetryable"

    kind: Literal["io.l5d.h2.grpc.neverRetryable"] = "io.l5d.h2.grpc.neverRetryable"

    def build(self) -> Classifier:
        """See `ClassifierKind`."""
        return ByGrpcStatus(self.success(), frozenset())


class GrpcRetryableStatusCodes(GrpcClassifierKind):
    """`io.l5d.h2.grpc.retryableStatusCodes`: calls with these statuses are retryable."""

    kind_name: ClassVar[str] = "io.l5d.h2.grpc.retryableStatusCodes"

    kind: Literal["io.l5d.h2.grpc.retryableStatusCodes"] = "io.l5d.h2.grpc.retryableStatusCodes"
    retryableStatusCodes: Several[GrpcStatus]

    def build(self) -> Classifier:
        """See `ClassifierKind`."""
        return ByGrpcStatus(self.success(), frozenset(self.retryableStatusCodes))
