#!/bin/sh
# Runs once, when the data folder is new: a role and a database for each service, closed to the others.
set -eu

for service in cdr rating payment invoice fraud; do
    password=$(printenv "$(echo "$service" | tr '[:lower:]' '[:upper:]')_PASSWORD")
    psql --username "$POSTGRES_USER" --set ON_ERROR_STOP=1 \
        --set service="$service" --set password="$password" <<'SQL'
CREATE ROLE :"service" LOGIN PASSWORD :'password';
CREATE DATABASE :"service" OWNER :"service";
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
SQL
done
