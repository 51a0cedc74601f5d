"""The kinds of `policy`: where policies and limits are kept."""
