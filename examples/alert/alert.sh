#!/bin/sh
# Sends what it reads to somebody, once, and says what became of it. For a monitoring job:
#   df -h / | STANZAHOOK_TOKEN=… ./alert.sh ops@example.com
# Needs curl and jq. The key makes a repeated call with the same text within 24 hours send nothing.
set -eu
to=${1:?usage: alert.sh JID < text}
api=${STANZAHOOK_API:-http://127.0.0.1:5290}
message=$(jq -Rs --arg to "$to" '{to: $to, body: .}')
key=$(printf %s "$message" | sha256sum | cut -c 1-40)
curl --silent --show-error --fail-with-body "$api/v1/messages?wait=5s" --data "$message" \
	-H "Authorization: Bearer ${STANZAHOOK_TOKEN:?}" -H "Idempotency-Key: $key"
