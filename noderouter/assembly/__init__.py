"""One router's stacks, built: what stands in which order, and what each part is made with."""
