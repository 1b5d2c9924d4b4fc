#!/bin/sh
# Prosody 0.12 reads no secrets from files, but its configuration may ask the
# environment (ENV_COMPONENT_SECRET).
set -eu
COMPONENT_SECRET=$(cat "${COMPONENT_SECRET_FILE:-/run/secrets/bot.secret}")
export COMPONENT_SECRET
exec prosody -F --config "${PROSODY_CONFIG:-/etc/prosody/prosody.cfg.lua}"
