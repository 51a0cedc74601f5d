"""The endpoints, by subject. A handler is `async def handler(state, request) -> Response`."""
