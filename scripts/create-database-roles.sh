#!/bin/sh
# Creates the two roles that Attestry's processes connect as; they own nothing.
# Their rights come from `manage.py grant_database_rights`, after each migration.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
  --set app_password="$POSTGRES_APP_PASSWORD" \
  --set sequencer_password="$POSTGRES_SEQUENCER_PASSWORD" <<'SQL'
CREATE ROLE attestry_app LOGIN PASSWORD :'app_password';
CREATE ROLE attestry_sequencer LOGIN PASSWORD :'sequencer_password';
SQL
