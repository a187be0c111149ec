#!/bin/sh
# Make what the farm's services share in secret: random passwords, and the files that carry them into each service.
#
#   deploy/secrets.sh [FOLDER [HOST]]
#
#   FOLDER  where they go; default: secrets/ beside docker-compose.yml
#   HOST    the machine of Redis and Postgres as the farm's other machines call it; default: their names in Compose
#
# What is there is kept, always: run it as often as you like. The four files with one word each are the secrets; the
# others carry them. To change a password, remove its file and the files that carry it, run this, restart the services.
#
# The folder is open to its owner alone; the files in it are readable. Compose mounts them one by one, with these rights,
# into containers whose users are not yours: with mode 600 they could not read them.
set -eu

folder=${1:-$(dirname "$0")/../secrets}
redis=${2:-redis}
postgres=${2:-postgres}

umask 077
mkdir -p "$folder"

keep() { # keep NAME: standard input becomes that file, unless it is there
    if [ ! -s "$folder/$1" ]; then
        cat > "$folder/.$1.new"
        chmod 444 "$folder/.$1.new"
        mv "$folder/.$1.new" "$folder/$1"
        echo "made $folder/$1"
    fi
}
word() { LC_ALL=C tr -dc 'A-Za-z0-9' < /dev/urandom | head -c "$1"; echo; }
of() { cat "$folder/$1"; }

word 40 | keep redis_password
word 40 | keep postgres_password
word 20 | keep s3_access_key
word 40 | keep s3_secret_key

echo "requirepass $(of redis_password)" | keep redis.conf
echo "redis://:$(of redis_password)@$redis:6379/0" | keep redis_url
echo "postgresql+psycopg://farm:$(of postgres_password)@$postgres:5432/farm" | keep ledger_url
keep s3.json << END
{"identities": [{"name": "farm",
  "credentials": [{"accessKey": "$(of s3_access_key)", "secretKey": "$(of s3_secret_key)"}],
  "actions": ["Admin", "Read", "Write", "List"]}]}
END
keep aws_credentials << END
[default]
aws_access_key_id = $(of s3_access_key)
aws_secret_access_key = $(of s3_secret_key)
END
