"""`service`: its defaults, and the parameters of a name."""

from dtab import Path
from noderouter.proxy.classifier.http import AllSuccessful, NonRetryable5XX
from noderouter.proxy.retry.backoff import ConstantKind, JitteredKind
from noderouter.proxy.retry.config import Budget
from noderouter.proxy.retry.held import Hold
from noderouter.proxy.router.config import GlobalService, ServiceParams, StaticService

NAME = Path.of("svc", "hello")


def test_the_defaults_are_linkerds() -> None:
    assert GlobalService.model_validate({"kind": "io.l5d.global"}).build().resolve(NAME) == ServiceParams(
        budget=Budget(ttlSecs=10, minRetriesPerSec=10, percentCanRetry=0.2),
        backoff=ConstantKind(kind="constant", ms=0),
        classifier=NonRetryable5XX(kind="io.l5d.http.nonRetryable5XX"),
        total_timeout=None,
        concurrency=None,
        hold=Hold(16383, 16383, 0.1),
        sample_rate=None,
    )


def test_global_settings_are_for_every_name() -> None:
    service = GlobalService.model_validate(
        {
            "kind": "io.l5d.global",
            "totalTimeoutMs": 1500,
            "retryBufferSize": {"responseBytes": 0},
            "classificationTimeoutMs": 250,
            "retries": {"budget": {"percentCanRetry": 1}},
            "responseClassifier": {"kind": "io.l5d.http.allSuccessful"},
        }
    )
    params = service.build().resolve(NAME)
    assert params.total_timeout == 1.5
    assert params.hold == Hold(16383, 0, 0.25)
    assert params.budget == Budget(percentCanRetry=1.0)
    assert isinstance(params.classifier, AllSuccessful)


def test_static_settings_add_up() -> None:
    service = StaticService.model_validate(
        {
            "kind": "io.l5d.static",
            "configs": [
                {"prefix": "/svc", "totalTimeoutMs": 100, "retries": {"budget": {"ttlSecs": 20}}},
                {"prefix": "/svc/hello", "retries": {"backoff": {"kind": "jittered", "minMs": 1, "maxMs": 2}}},
                {"prefix": "/svc/other", "totalTimeoutMs": 7},
            ],
        }
    )
    params = service.build().resolve(NAME)
    assert params.total_timeout == 0.1
    assert params.budget == Budget(ttlSecs=20)
    assert params.backoff == JitteredKind(kind="jittered", minMs=1, maxMs=2)
    assert service.build().resolve(Path.of("x")) == GlobalService(kind="io.l5d.global").build().resolve(NAME)


def test_an_entry_for_one_of_its_names_bounds_a_service() -> None:
    configs = [
        {"prefix": "/svc", "concurrency": {"maxRequests": 9}},
        {"prefix": "/svc/web.shop", "concurrency": {"maxRequests": 5}, "totalTimeoutMs": 7},
        {"prefix": "/service/shop/web", "totalTimeoutMs": 8},
    ]
    service = StaticService.model_validate({"kind": "io.l5d.static", "configs": configs}).build()
    web = Path.of("svc", "web.shop")
    assert service.limits

    def bound(*names: Path) -> int | None:
        found = service.concurrency(names)
        return None if found is None else found.most

    assert bound(Path.of("svc", "web.shop.svc")) == 9
    assert bound(Path.of("svc", "web.shop.svc"), web) == 5
    assert bound(web, Path.of("service", "shop", "web")) == 5
    assert bound(Path.of("other")) is None
    assert not GlobalService.model_validate({"kind": "io.l5d.global"}).build().limits
