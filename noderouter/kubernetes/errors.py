"""Why a request to the API failed, as far as it matters for what to do next."""

from typing import Final

CONFLICT: Final = 409
GONE: Final = 410
NOT_FOUND: Final = 404
REFUSED: Final = frozenset((401, 403))
"""The API has answered, and refuses: waiting alone does not help."""


class ApiError(Exception):
    """A request failed. `status` is the HTTP status, or 0 where there was no answer at all."""

    def __init__(self, reason: str, *, status: int = 0, retry_after: float | None = None) -> None:
        """`reason` is for people; `retry_after` are the seconds of the server's Retry-After."""
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.retry_after = retry_after

    @property
    def gone(self) -> bool:
        """Whether our version is too old to go on from: list again."""
        return self.status == GONE

    @property
    def conflict(self) -> bool:
        """Whether another writer was faster: the object exists already, or has another version by now."""
        return self.status == CONFLICT

    @property
    def refused(self) -> bool:
        """Whether the right is missing."""
        return self.status in REFUSED


class MalformedAnswer(ApiError):
    """The response is not what the API sends: something stands between, or the stream broke in the middle."""
