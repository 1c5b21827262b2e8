psql -q -U "$POSTGRES_USER" -d postgres -c "CREATE ROLE keeper SUPERUSER LOGIN PASSWORD '$(cat /run/secrets/database)'"
