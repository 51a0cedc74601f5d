"""Remembers which interface each (uid, address) was first seen on, for as long as the pod is wanted.

It is asked for once. When the interface ends the pod has ended, even if nobody has said so yet; a later pod with the
same address is somebody else, and is captured when *its* uid is wanted.
"""

from collections.abc import Callable

from noderouter.interception.keeper import route
from noderouter.interception.keeper.state import GONE, Address, Interface, Pins, Pod


class Bindings:
    """`pins` of the pods that are wanted."""

    def __init__(
        self,
        find: Callable[[Address], Interface | None] = route.interface_of,
        exists: Callable[[Interface], bool] = route.exists,
    ) -> None:
        self.pins: Pins = {}
        self._find = find
        self._exists = exists

    def follow(self, pods: tuple[Pod, ...]) -> None:
        """Bind what is new, let go of what is not wanted any more."""
        wanted = {(pod.uid, address) for pod in pods for address in pod.addresses}
        self.pins = {key: self.pins[key] if key in self.pins else self._find(key[1]) for key in sorted(wanted, key=str)}

    def refresh(self) -> bool:
        """See which interfaces have ended; answers whether any has."""
        ended = [key for key, pin in self.pins.items() if pin is not None and pin != GONE and not self._exists(pin)]
        for key in ended:
            self.pins[key] = GONE
        return bool(ended)
