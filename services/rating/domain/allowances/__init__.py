"""What is used up: bundles and volume tiers, by counters."""
