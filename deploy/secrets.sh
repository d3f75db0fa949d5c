#!/bin/sh
# Make the secrets that the stack can make for itself; name those that only you have.
# What is already there is kept. Files are readable within the folder, the folder only to you:
# the containers run as users of their own, and are handed single files. So must be what else
# they are handed, whatever your umask: run this again after you put keys in.
set -eu
cd "$(dirname "$0")"
mkdir -p secrets/alertmanager
chmod 700 secrets

random() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }
for name in postgres_password app_database_password grafana_database_password grafana_admin_password; do
  [ -s "secrets/$name" ] || random | tr -d '\n' > "secrets/$name"
done
[ -s secrets/owner_store_url ] || printf 'postgresql://genmon:%s@postgres/genmon' \
  "$(cat secrets/postgres_password)" > secrets/owner_store_url
[ -s secrets/app_store_url ] || printf 'postgresql://genmon_app:%s@postgres/genmon' \
  "$(cat secrets/app_database_password)" > secrets/app_store_url
chmod 644 secrets/*_*
chmod -R go+rX secrets/alertmanager app collector jaeger postgres prometheus ../grafana ../prometheus_rules

missing=0
for name in $(sed -n 's|.*/etc/alertmanager/secrets/||p' ../prometheus_rules/alertmanager/alertmanager.yml | sort -u); do
  [ -s "secrets/alertmanager/$name" ] || { echo "put your own into deploy/secrets/alertmanager/$name"; missing=1; }
done
exit "$missing"
