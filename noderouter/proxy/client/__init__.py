"""From a bound name to a connection: clients, their endpoints and connection pools."""
