"""A dtab from outside the configuration (a file, a ConfigMap), in front of the router's own.

An invalid text changes nothing: what is in effect stays in effect. Where nothing was ever good, binding fails with
that reason.
"""

from typing import Any, Final

from dtab import Dtab, ParseError
from noderouter.core.readiness import Readiness
from noderouter.naming.interpreter.interpreter import Interpreter, Sources
from noderouter.naming.interpreter.whatif import Moved
from noderouter.naming.stored.stored import StoredText
from noderouter.naming.stored.text import Language, LogEvents, TextError
from noderouter.naming.transformer.kind import Transformer


def parse_dtab(text: str) -> Dtab | TextError:
    """Parse a text; return the dtab, or why it is none."""
    try:
        return Dtab.parse(text)
    except ParseError as error:
        return TextError(str(error), error.line, error.column)


DTAB: Final = Language(
    name="dtab",
    empty=Dtab.EMPTY,
    parse=parse_dtab,
    show=Dtab.show,
    size=len,
    events=LogEvents(
        loaded="dtab.loaded",
        invalid="dtab.invalid",
        missing="dtab.missing",
        last_good="dtab.last_good",
        kept="dtab.kept",
        not_kept="dtab.not_kept",
    ),
    reason="Dtab",
    annotation="noderouter.io/dtab-hash",
    counted="dentries",
    without=", names lead nowhere by it",
)


class StoredDtab(StoredText[Dtab]):
    """The dtab in effect and its history."""

    def __init__(self, name: str) -> None:
        super().__init__(name, DTAB)
        self.moved: dict[str, Moved] = {}
        """By the label of a router: what the last edit did to its requests."""

    @property
    def dtab(self) -> Dtab | None:
        """The dtab in effect; None where there is none yet."""
        return self.value


class StoredInterpreter(Interpreter):
    """An interpreter with a dtab from outside the configuration."""

    def __init__(self, stored: StoredDtab, sources: Sources, transformers: tuple[Transformer, ...]) -> None:
        super().__init__(sources, stored.var, transformers)
        self.stored = stored

    def with_draft(self, draft: Dtab) -> Dtab:
        """See `Interpreter`: what people edit is the stored dtab, and the router's own is the stronger."""
        return draft + self._router_dtab.value

    @property
    def last_error(self) -> TextError | None:
        """Why the newest text is not in effect; None if it is."""
        return self.stored.last_error

    def readiness(self) -> Readiness:
        """See `Interpreter`; also reports the dtab in effect, and an edit that was refused."""
        known = super().readiness()
        words = self.stored.words()
        joint = "" if not words else "; " if self.stored.hash is None else ", "
        return Readiness(known.ready, f"{known.reason}{joint}{words}")

    def state(self) -> dict[str, Any]:
        """Return the dtab in effect, and the error."""
        dtab = self.stored.dtab
        return {
            "dtab": None if dtab is None else dtab.show(),
            "hash": self.stored.hash,
            "error": None if self.last_error is None else str(self.last_error),
        }
