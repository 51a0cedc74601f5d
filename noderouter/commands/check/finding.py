"""One line of a report: what was looked at, how it is, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Status(Enum):
    """The outcome. A warning is about something that works less well, or will stop working."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """`subject` is short, `words` are the outcome, `hint` is what to do."""

    status: Status
    subject: str
    words: str
    hint: str = ""

    def __str__(self) -> str:
        line = f"{self.status.value:<5}{self.subject}: {self.words}"
        return f"{line}\n     -> {self.hint}" if self.hint else line

    @property
    def json(self) -> dict[str, str]:
        """The finding for programs."""
        return {"status": self.status.value, "subject": self.subject, "words": self.words, "hint": self.hint}


def ok(subject: str, words: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(Status.OK, subject, words)


def warn(subject: str, words: str, hint: str) -> Finding:
    """Return a finding that something can be better."""
    return Finding(Status.WARN, subject, words, hint)


def fail(subject: str, words: str, hint: str) -> Finding:
    """Return a finding that something does not work."""
    return Finding(Status.FAIL, subject, words, hint)


def failed(findings: Iterable[Finding]) -> bool:
    """Whether any of the findings is a failure."""
    return any(finding.status is Status.FAIL for finding in findings)
