"""`noderouter top`, `requests`, `explain`, `status` and kin: the admin interface on a terminal.

arguments  the command lines          command    which does what, exit codes, signals
nodes      which routers are asked    interface  how one is asked, and what is said where that fails
pages      pages of text, as routers  top        the same again and again
           render them                screen     how that stands on a terminal
requests   live requests              line       one of them as a line
whatif     what a dtab would move     output     where it all goes: colours, control bytes
mesh       all nodes, added up
"""
