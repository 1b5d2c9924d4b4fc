#!/bin/sh
# Sends what it reads to those of a hook with the adapter text; its address is in STANZAHOOK_HOOK:
#   df -h / | STANZAHOOK_HOOK=http://127.0.0.1:5290/hooks/alert/SECRET ./alert.sh
curl --silent --show-error --fail-with-body --data-binary @- "${STANZAHOOK_HOOK:?}"
