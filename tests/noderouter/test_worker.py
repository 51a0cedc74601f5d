"""What a worker tells of itself: values, which another process could be sent as well."""

import json
import pickle

from noderouter.worker import WorkerState
from tests.testing.backend import backend
from tests.testing.router import config, inet, routing


async def test_what_others_are_told_are_values():
    async with backend() as service:
        async with routing(config(f"/svc => {inet(service.port)}")) as router:
            assert (await router.ask("hello")).status == 200
            worker = router.app.worker
            state, clients, stacks = worker.state(), worker.client_state("out"), worker.stacks("out")
            assert state == WorkerState(waiting=False, overload="none", missing=())
            assert list(clients) == [f"/$/inet/127.0.0.1/{service.port}"]
            assert pickle.loads(pickle.dumps((state, clients))) == (state, clients)
            shown = {section: dict(part.members) for section, part in stacks.items()}
            assert json.loads(json.dumps(shown)) == shown
            assert any("accept" in line for line in worker.tasks())
