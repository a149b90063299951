"""Events between services: at-least-once delivery over JetStream, exactly-once effect."""
