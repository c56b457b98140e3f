"""docs/api.md beside a plain HTTP client: nothing is compared here, the page itself is the expectation."""

TITLE = "docs/api.md"
KINDS = ()
CASES = []
