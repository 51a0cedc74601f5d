"""How many requests at a time, and how many a second: bounds that operators set for services and endpoints."""
