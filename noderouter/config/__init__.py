"""The models of a whole configuration, checked: control plane, before anything else runs.

config        the models, from the top down; sections have theirs in the rooms that they configure
cross_checks  what is checked between parts
validate      all of it: `load`, `validate_text`, `validate_file`, `dump`
"""
