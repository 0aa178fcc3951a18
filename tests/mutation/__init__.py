"""Automatic mutation: each module that decides is broken in every small way, and its own tests must notice.

`python -m tests.mutation [MODULE …]`. `modules.toml` says what is broken and which tests judge it,
`survivors.toml` explains one by one the changes that no test can notice.
"""
