#!/bin/sh
# Echo bot: answers each message with its text; one process per event. Needs socat and jq. Run:
#   socat TCP-LISTEN:8080,bind=127.0.0.1,reuseaddr,fork EXEC:./bot.sh
cr=$(printf '\r')
while IFS=: read -r name value && [ "$name" != "$cr" ]; do # the headers, up to the empty line
	case $name in [Cc][Oo][Nn][Tt][Ee][Nn][Tt]-[Ll][Ee][Nn][Gg][Tt][Hh]) length=$(echo "$value" | tr -dc 0-9) ;; esac
done
# jq writes the whole answer: it counts bytes, which the shell may not.
head -c "${length:-0}" | jq -j '
	def http(status; headers): "HTTP/1.1 \(status)\r\n\(headers)Connection: close\r\n\r\n";
	.data.body // "" | if . == "" then http("204 No Content"; "") else "You said: \(.)" |
	http("200 OK"; "Content-Type: text/plain; charset=utf-8\r\nContent-Length: \(utf8bytelength)\r\n") + . end'
