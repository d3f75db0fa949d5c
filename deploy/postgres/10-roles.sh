#!/bin/sh
# Roles with the least they need; PostgreSQL's image runs this once, on an empty volume.
# What they may do in the tables comes with `genmon db grants` (see ../app/upgrade.py).
set -eu

psql --no-psqlrc -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
  -v app="$(cat "${SECRETS:-/run/secrets}/app_database_password")" \
  -v grafana="$(cat "${SECRETS:-/run/secrets}/grafana_database_password")" <<'SQL'
CREATE ROLE genmon_app LOGIN PASSWORD :'app';
CREATE ROLE genmon_grafana LOGIN PASSWORD :'grafana' CONNECTION LIMIT 10;
ALTER ROLE genmon_grafana SET default_transaction_read_only = on;
ALTER ROLE genmon_grafana SET statement_timeout = '15s';
SQL
