"""The engine of configurations: from bytes to checked models with places. Knows no model.

    load          bytes -> text; YAML or JSON       kind          bases of all models, and how kinds are found
    yaml_source   text -> a tree with places        linkerd_keys  Linkerd's own keys and kinds, by name
    json_source   the same                          fields        types of keys that models share
    explain       pydantic's errors in words        partial       settings that depend on names

Only here are pydantic and yaml imported; models elsewhere take what they need from `kind`.
"""
