"""One table of processes that `make run`, the end-to-end tests and the chaos tests all start."""
