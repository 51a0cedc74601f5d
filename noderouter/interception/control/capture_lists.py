"""From what the API holds to what the keeper is told, and to the reverse index of the data path.

Pods of a node are few: their list is made anew at once, with every change. Services may be thousands: theirs is made in
short steps beside the data path, at most every 50 ms, and only of what was prepared when each of them came in.

The index is in place before the keeper hears of a destination, so that what is captured has a name.
"""

import trio

from noderouter.core.background import Log, Pace
from noderouter.core.client_namespaces import ClientNamespaces
from noderouter.core.destination import Destination, Destinations
from noderouter.interception.control.declared_protocol import OPAQUE_PORTS
from noderouter.interception.control.keeper_client import PAUSE_SECONDS, KeeperClient
from noderouter.interception.control.list_sync import DesiredList
from noderouter.interception.control.log_once import LogOnce
from noderouter.interception.control.pods import Captured, PodFacts, judged, namespaces_of
from noderouter.interception.control.selection import UNCLEAR, SelectionMode
from noderouter.interception.control.services import Listed
from noderouter.interception.control.watches import Watches
from noderouter.interception.keeper.state import Address


class CaptureLists:
    """Follows `watches` and gives `client` the lists of pods and destinations that they amount to."""

    def __init__(
        self,
        watches: Watches,
        client: KeeperClient,
        destinations: Destinations,
        clients: ClientNamespaces,
        selection: SelectionMode,
        log: Log,
    ) -> None:
        """Nothing is followed before the watches run."""
        self.pods: tuple[tuple[PodFacts, str], ...] = ()
        """All pods of this node, each with the reason why it is not captured."""
        self._watches = watches
        self._client = client
        self._destinations = destinations
        self._clients = clients
        self._selection = selection
        self._services_changed = trio.Event()
        self._own_labels: frozenset[tuple[str, str]] | None = None
        """None before pods are known: which Services lead to us has to be known first."""
        self._unclear = LogOnce(log, "intercept.unclear_choice")
        self._ignored = LogOnce(log, "intercept.annotation_ignored")
        watches.pods.changed = watches.namespaces.changed = self._follow_pods
        watches.services.changed = watches.api_servers.changed = self._ring

    async def follow_services(self, always: frozenset[Address]) -> None:
        """Keep destinations current until cancelled; addresses that are never captured are `always` among them."""
        watches = self._watches
        while True:
            await self._services_changed.wait()
            self._services_changed = trio.Event()
            if self._own_labels is not None and watches.services.synced and watches.api_servers.synced:
                await self._take_services(always, self._own_labels)
                await trio.sleep(PAUSE_SECONDS)

    def _ring(self) -> None:
        self._services_changed.set()

    def _follow_pods(self) -> None:
        watches = self._watches
        if watches.pods.synced:
            self._clients.replace(namespaces_of(watches.pods))
        if not (watches.pods.synced and watches.namespaces.synced):
            return
        self.pods = tuple(judged(watches.pods, dict(watches.namespaces), self._selection))
        self._unclear.update({f"{pod.namespace}/{pod.name}": why for pod, why in self.pods if why.endswith(UNCLEAR)})
        labels = frozenset(label for pod, _ in self.pods for label in pod.labels)
        if labels != self._own_labels:
            self._own_labels = labels
            self._ring()
        self._client.want_pods(DesiredList(tuple(Captured(pod.told, pod.network) for pod, why in self.pods if not why)))

    async def _take_services(self, always: frozenset[Address], own_labels: frozenset[tuple[str, str]]) -> None:
        """Build the list of destinations as known now; a change meanwhile rings again."""
        listed: list[Listed] = []
        index: dict[tuple[str, int], Destination] = {}
        never = set(always).union(*self._watches.api_servers)
        wrong = {}
        pace = Pace()
        for each in list(self._watches.services):
            if each.leads_to(own_labels):
                continue
            listed += each.listed
            index.update((one.place, one.destination) for one in each.listed)
            never.update(each.never)
            if each.ignored:
                wrong[each.key] = f"{OPAQUE_PORTS} names what is not a port from 1 to 65535: {each.ignored}"
            if pace.due():
                await pace.rest()
        self._ignored.update(wrong)
        self._destinations.replace(index)
        self._client.want_services(DesiredList(tuple(listed), frozenset(never)))
