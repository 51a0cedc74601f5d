"""What is started, and closed whatever happens: also where starting breaks off half way."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Lifetime(ABC):
    """Runs while inside its context."""

    @abstractmethod
    def start(self) -> None:
        """Start everything, and wait until it serves."""

    @abstractmethod
    def close(self) -> None:
        """End everything that was started; may be called again."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
