from noderouter.proxy.http2.decoder_pure import RequestFields, ResponseFields, TrailerFields
from noderouter.proxy.http2.field_rules import HpackError as HpackError

class Decoder:
    any_trailers: bool
    extended_connect: bool
    def __init__(
        self, max_size: int = 4096, max_list: int = 61440, max_fields: int = 512, extended_connect: bool = False
    ) -> None: ...
    def acknowledged(self) -> None: ...
    def request(self, data: bytes, pos: int, stop: int, /) -> RequestFields: ...
    def response(self, data: bytes, pos: int, stop: int, /) -> ResponseFields: ...
    def trailers(self, data: bytes, pos: int, stop: int, /) -> TrailerFields: ...

class Encoder:
    max_frame: int
    def __init__(self, max_size: int = 4096) -> None: ...
    def resize(self, max_size: int, /) -> None: ...
    def request(
        self,
        stream: int,
        end: bool,
        data: bytes,
        method: bytes,
        scheme: bytes,
        authority: bytes | None,
        path: bytes,
        protocol: bytes | None,
        length: int,
        never: tuple[bytes, ...] | None,
        /,
        *blocks: bytes,
    ) -> bytes: ...
    def response(
        self,
        stream: int,
        end: bool,
        data: bytes,
        status: int,
        length: int,
        never: tuple[bytes, ...] | None,
        /,
        *blocks: bytes,
    ) -> bytes: ...
    def trailers(self, stream: int, never: tuple[bytes, ...] | None, /, *blocks: bytes) -> bytes: ...
