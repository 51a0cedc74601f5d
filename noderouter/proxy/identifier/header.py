"""`io.l5d.header`: a header field's value is a path. `l5d-name: /a/b` is `/svc/a/b`."""

from typing import ClassVar

from dtab import ParseError, Path
from noderouter.core.errors import IdentificationError
from noderouter.core.exchange import Exchange
from noderouter.proxy.identifier.field import RequestField, field_of, misfit
from noderouter.proxy.identifier.kind import MAX_NAME_BYTES, Identifier, IdentifierKind, Unidentified


class Header(IdentifierKind):
    """Names exchanges by the path in `header`."""

    kind_name: ClassVar[str] = "io.l5d.header"

    header: RequestField = "l5d-name"

    def misfit(self, protocol: str) -> tuple[str, str] | None:
        """See `IdentifierKind`."""
        return misfit(self.header, protocol)

    def build(self, prefix: Path) -> Identifier:
        """The identifier."""
        return HeaderIdentifier(prefix, self.header)


class HeaderIdentifier:
    """A whole path."""

    __slots__ = ("_absent", "_field", "_not_ascii", "_prefix", "_too_long")

    def __init__(self, prefix: Path, header: str) -> None:
        self._prefix = prefix
        self._field = field_of(header)
        self._absent = Unidentified(f"{header} header is absent")
        self._too_long = f"{header} header is longer than {4 * MAX_NAME_BYTES} bytes"  # of a label written as \\xHH
        self._not_ascii = f"{header} header is not ASCII; other bytes are written as \\xHH"

    def identify(self, exchange: Exchange) -> Path | Unidentified:
        """`<prefix>` and the path; nothing where the field is absent or empty.

        Raises:
            IdentificationError: the value is no path, or too long to be read.
        """
        value = self._field(exchange)
        if not value:
            return self._absent
        if len(value) > 4 * MAX_NAME_BYTES:
            raise IdentificationError(self._too_long)
        if not value.isascii():
            raise IdentificationError(self._not_ascii)
        try:
            return self._prefix + Path.parse(value.decode("ascii"))
        except ParseError as error:
            raise IdentificationError(str(error)) from error
