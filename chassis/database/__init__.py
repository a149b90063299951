"""One transaction in, one transaction out: engines, units of work, bulk loading, migrations."""
