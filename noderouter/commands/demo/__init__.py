"""`noderouter demo`: a router and four small services on one machine, and a tour of what it does.

service   one HTTP service, a process of its own (so that it can be killed)
stage     the files and processes of the demo
tour      the steps, each shown as the command that anybody can repeat
"""

from noderouter.commands.demo.tour import run_demo

__all__ = ["run_demo"]
