from tests.noderouter.naming.conftest import dns, log, runtime

__all__ = ["dns", "log", "runtime"]
