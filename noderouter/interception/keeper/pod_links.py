"""Remembers which interface each (uid, address) was first seen on, for as long as the pod is wanted.

It is asked for once. When the interface ends the pod has ended, even if nobody has said so yet; a later pod with the
same address is somebody else, and is captured when *its* uid is wanted.
"""

from collections.abc import Callable

from noderouter.interception.keeper import route
from noderouter.interception.keeper.state import GONE, Address, Interface, Links, Pod


class PodLinks:
    """The links of the pods that are wanted."""

    def __init__(
        self,
        find: Callable[[Address], Interface | None] = route.interface_of,
        exists: Callable[[Interface], bool] = route.exists,
    ) -> None:
        self.links: Links = {}
        self._find = find
        self._exists = exists

    def follow(self, pods: tuple[Pod, ...]) -> None:
        """Bind new pods to their links, drop those that are no longer wanted."""
        wanted = {(pod.uid, address) for pod in pods for address in pod.addresses}
        self.links = {
            key: self.links[key] if key in self.links else self._find(key[1]) for key in sorted(wanted, key=str)
        }

    def refresh(self) -> bool:
        """Mark links whose interface has ended; return whether there are any."""
        ended = [key for key, pin in self.links.items() if pin is not None and pin != GONE and not self._exists(pin)]
        for key in ended:
            self.links[key] = GONE
        return bool(ended)
