"""What can go wrong with rules, by what has to be done about it.

InterceptError
├── StateError         the desired state is wrong: which field, and what it may be
├── MissingTool        a command is not installed
├── NotPermitted       NET_ADMIN is missing
├── NoKernelSupport    the kernel has no such table, match or set
├── CommandFailed      a command refused; nothing of that transaction is in force
├── Undone             somebody else undoes what we write
└── HeldByAnother      another instance owns the rules
"""


class InterceptError(Exception):
    """Interception cannot be done; the message says what, why, and what to do."""


class StateError(InterceptError):
    """A desired state that is refused as a whole; the last good one stays."""


class MissingTool(InterceptError):
    """A command that is needed is not installed."""


class NotPermitted(InterceptError):
    """This process may not change the rules of its network namespace."""


class NoKernelSupport(InterceptError):
    """The kernel lacks a feature that the rules need."""


class CommandFailed(InterceptError):
    """A command failed; its own words are in the message."""


class Undone(InterceptError):
    """What was written is not what is there."""


class HeldByAnother(InterceptError):
    """Another instance owns the rules of this node."""
