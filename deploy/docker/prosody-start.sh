#!/bin/sh
# Prosody 0.12 reads no secrets from files, but its configuration may ask the
# environment (ENV_COMPONENT_SECRET).
#
#   CERTS   a directory: gets a self-made certificate for HOST, unless there is one
#   LOGIN   an account at HOST that is made, unless it is there: its password is
#           LOGIN_PASSWORD, else a fresh one, which the log shows this once
set -eu
config=${PROSODY_CONFIG:-/etc/prosody/prosody.cfg.lua}
host=${HOST:-example.com}
secret=${COMPONENT_SECRET_FILE:-/run/secrets/bot.secret}
if [ ! -s "$secret" ] && [ -w "$(dirname "$secret")" ]; then
	head -c 24 /dev/urandom | base64 >"$secret.new"
	chmod 644 "$secret.new" # the directory is for this server and stanzahook alone
	mv "$secret.new" "$secret"
fi
COMPONENT_SECRET=$(cat "$secret")
export COMPONENT_SECRET
if [ -n "${CERTS:-}" ] && [ ! -s "$CERTS/$host.crt" ]; then
	mkdir -p "$CERTS"
	(umask 077 && openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=$host" -addext "subjectAltName=DNS:$host" \
		-keyout "$CERTS/$host.key" -out "$CERTS/$host.crt" 2>/dev/null && chmod 644 "$CERTS/$host.crt")
	echo "made a self-signed certificate for $host; clients will ask whether to trust it" >&2
fi
if [ -n "${LOGIN:-}" ] && [ ! -e "${DATA:-/var/lib/prosody}/.account-$LOGIN" ]; then
	password=${LOGIN_PASSWORD:-$(head -c 12 /dev/urandom | base64)} shown="as LOGIN_PASSWORD says"
	[ -n "${LOGIN_PASSWORD:-}" ] || shown=$password
	prosodyctl --config "$config" register "$LOGIN" "$host" "$password" >&2
	: >"${DATA:-/var/lib/prosody}/.account-$LOGIN"
	echo "account: $LOGIN@$host, password: $shown" >&2
fi
exec prosody -F --config "$config"
