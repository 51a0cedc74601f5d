"""From a file to a checked configuration: control plane, before anything else runs.

    load          bytes -> text; YAML or JSON       kind      bases of all models, and how kinds are found
    yaml_source   text -> a tree with places        known     Linkerd's own keys and kinds, by name
    json_source   the same                          fields    types of keys that models share
    cross         checks between parts              partial   settings that depend on names
    explain       pydantic's errors in words        config    the models, from the top down
    check         all of it: `load`, `validate_text`, `validate_file`, `dump`

Only here are pydantic and yaml imported; kind files elsewhere take what they need from `kind`.
"""
