"""A router whose protocol is http: the keys that no other has (docs/linkerd1.md section 2.4)."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

from noderouter.config.access_log import KEYS, LogPath, LogRollPolicy, LogRotateCount, LogSample
from noderouter.config.router import Kilobytes, RouterConfig, known_protocol
from noderouter.schema.kind import BeforeValidator, Field, field_validator

HeadKilobytes = Annotated[int, Field(ge=1, le=1024)]
"""A head is held in memory whole, for each connection."""

_LOG: Final = "is of routers whose protocol is h2; this one has `httpAccessLog` and its like"


class HttpRouterConfig(RouterConfig):
    """`protocol: http`: HTTP/1 from clients, and what its server with `capture` takes."""

    log_key: ClassVar[str] = "httpAccessLog"
    misplaced: ClassVar[Mapping[str, str]] = {f"h2AccessLog{key}": _LOG for key in KEYS}

    protocol: Annotated[Literal["http"], BeforeValidator(known_protocol)]

    httpAccessLog: LogPath | None = None
    httpAccessLogFormat: Literal["text", "json"] = "text"
    httpAccessLogSample: LogSample = 1.0
    httpAccessLogRollPolicy: LogRollPolicy = "never"
    httpAccessLogAppend: bool = True
    httpAccessLogRotateCount: LogRotateCount = -1
    maxHeadersKB: HeadKilobytes = 60
    maxInitialLineKB: HeadKilobytes = 16
    streamAfterContentLengthKB: Kilobytes = 5
    streamingEnabled: bool = True
    compressionLevel: int | None = None

    @field_validator("streamingEnabled")
    @classmethod
    def _streaming(cls, value: bool) -> bool:
        if not value:
            raise ValueError(
                "bodies always stream, with bounded buffers, so false is not supported;"
                " leave the key out (streamAfterContentLengthKB says what is buffered so that it can be retried)"
            )
        return value

    @field_validator("compressionLevel")
    @classmethod
    def _compression(cls, value: int | None) -> int | None:
        if value not in (None, 0, -1):
            raise ValueError(
                "responses are carried as they are and never compressed: only 0 is supported, and -1 (Linkerd's"
                " default) accepted; let the service compress, or the proxy that faces the clients"
            )
        return value
