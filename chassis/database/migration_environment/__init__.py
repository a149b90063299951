"""What Alembic runs around every service's migrations."""
