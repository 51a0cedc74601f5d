"""`noderouter completion bash|zsh|fish`: a script that completes commands and arguments, made from the parsers.

grammar    what there is to complete: commands, options and their values
bash, zsh, fish    the same as a script
command    which of them
"""
