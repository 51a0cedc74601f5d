"""When a failed request is sent again: the filter that decides, its budget, and how long it waits."""
