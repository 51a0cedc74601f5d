"""What logs over OTLP have in common: the messages of the official package, imported where a router exports so."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

PATH: Final = "/v1/logs"


class Messages:
    """Makes requests of one resource, and the values in them."""

    def __init__(self, resource: Mapping[str, str]) -> None:
        """`resource` says whose records they are."""
        self._service: Any = import_module("opentelemetry.proto.collector.logs.v1.logs_service_pb2")
        self._common: Any = import_module("opentelemetry.proto.common.v1.common_pb2")
        self._about = self.pairs(resource)

    def request(self) -> tuple[Any, Any]:
        """Return a new request, and the place in it where scopes are added."""
        request = self._service.ExportLogsServiceRequest()
        of_resource = request.resource_logs.add()
        of_resource.resource.attributes.extend(self._about)
        return request, of_resource.scope_logs

    def value(self, of: object) -> Any:
        """Return a value as OTLP has it."""
        common = self._common
        if isinstance(of, bool):
            return common.AnyValue(bool_value=of)
        if isinstance(of, int):
            return common.AnyValue(int_value=of)
        if isinstance(of, float):
            return common.AnyValue(double_value=of)
        if isinstance(of, list):
            return common.AnyValue(array_value=common.ArrayValue(values=[self.value(each) for each in of]))
        if isinstance(of, dict):
            return common.AnyValue(kvlist_value=common.KeyValueList(values=self.pairs(of)))
        return common.AnyValue(string_value=str(of))

    def pairs(self, of: Mapping[str, object]) -> list[Any]:
        """Return attributes; what is None has none."""
        return [self._common.KeyValue(key=key, value=self.value(each)) for key, each in of.items() if each is not None]
