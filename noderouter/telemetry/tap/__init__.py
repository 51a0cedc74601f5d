"""Live requests: viewers who come to look at what is carried, each with a filter and a queue of its own, and leave."""
