#!/usr/bin/env bash
# The application's user, made when the database is: rows alone. No DROP and no ALTER, so it can
# neither remove a trigger nor empty a table past them. docs/deploy.md, The database's users.
set -euo pipefail

mariadb --user=root --password="$MARIADB_ROOT_PASSWORD" <<SQL
CREATE USER 'neruba_app'@'%' IDENTIFIED BY '$NERUBA_APP_PASSWORD';
GRANT SELECT, INSERT, UPDATE, DELETE ON \`neruba\`.* TO 'neruba_app'@'%';
GRANT ALL PRIVILEGES ON \`neruba\_rehearsal\`.* TO 'neruba'@'%';
SQL
