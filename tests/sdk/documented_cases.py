"""The pages of docs/ beside a plain HTTP client: nothing is compared, what they say is the expectation."""

TITLE = "docs/api.md, docs/clients.md"
KINDS = ()
CASES = []
