"""The views, one function each: `async def view(state, query) -> View`."""
