//go:build linux

package main

import (
	"fmt"
	"strings"

	"stanzahook/deploy/lab/load"
)

// get finds a figure; what is not there is noted, and zero.
func (r *benchRun) get(group, server, name, unit string) load.Figure {
	for _, f := range r.Figures {
		if f.Group == group && f.Server == server && f.Name == name && (unit == "" || f.Unit == unit) {
			return f
		}
	}
	r.missing = append(r.missing, strings.Join([]string{group, server, name, unit}, ", "))
	return load.Figure{}
}

// has reports whether a module was measured.
func (r *benchRun) has(name string) bool {
	for _, f := range r.Figures {
		if f.Name == name {
			return true
		}
	}
	return false
}

// table is that of the README: what was asked of stanzahook, what it does, and what
// others do in the same run.
func (r *benchRun) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Medians of %d rounds of one run, commit %s: %d cores (%s), which server, stanzahook, bot and load share; %s; %s.\n\n", len(r.get("user, bot and back", "prosody", "stanzahook, event, queued", "").Rounds), r.Commit, r.Cores, r.CPU, r.Servers, r.Go)
	b.WriteString("| | aim | stanzahook | others, in the same run |\n|---|---|---|---|\n")
	row := func(what, aim, ours, others string) {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", what, aim, ours, others)
	}
	path := func(server, name string) string {
		f := r.get("user, bot and back", server, name, "")
		return fmt.Sprintf("%.2f (%.0f/s)", f.Ratio, f.Median)
	}
	single := func(server, name string) string {
		return fmt.Sprintf("%.2f ms", r.get("user, bot and back", server, name, "").Others["one at a time, p50 in ms"])
	}
	modules := func(names []string, of func(string) string) string {
		var all []string
		for _, name := range names {
			if r.has(name) {
				all = append(all, name+" "+of(name))
			}
		}
		return strings.Join(all, ", ")
	}
	both := []string{"mod_rest", "mod_component_http"}
	row("user → Prosody → bot → user at full load, of the raw echo; `event`, stored and confirmed", "0.75", path("prosody", "stanzahook, event, queued"),
		modules(both, func(name string) string { return path("prosody", name) }))
	row("the same, with the bot at a Unix socket", "0.80", path("prosody", "stanzahook, event, queued, socket"), "")
	row("the same, with `batch: 20`", "0.85", path("prosody", "stanzahook, event, queued, batch"), "")
	row("the same as mod_component_http, one attempt", "", path("prosody", "stanzahook, component-http, direct"), "")
	row("the same on ejabberd; `event`, stored and confirmed", "0.50", path("ejabberd", "stanzahook, event, queued"), "")
	row("the same on ejabberd, with the bot at a Unix socket", "0.50", path("ejabberd", "stanzahook, event, queued, socket"), "")
	for _, server := range []string{"prosody", "ejabberd"} {
		nats := r.get("user, bot and back", server, "store: nats", "")
		row("the whole way on "+server+" with the store on three NATS servers that share the cores, of the embedded store; one at a time, median", "0.60; + 0.1 ms",
			fmt.Sprintf("%.2f (%.0f/s); %.2f ms", nats.Ratio, nats.Median, nats.Others["one at a time, p50 in ms"]),
			fmt.Sprintf("embedded %.2f ms", r.get("user, bot and back", server, "store: embedded", "").Others["one at a time, p50 in ms"]))
	}
	row("one at a time on Prosody, median; `event`, stored and confirmed", "mod_component_http + 0.1 ms", single("prosody", "stanzahook, event, queued"),
		modules(both, func(name string) string { return single("prosody", name) }))
	post := func(what, aim, group, module string) {
		ours := r.get(group, "prosody", "stanzahook", "")
		row(what, aim, fmt.Sprintf("%.0f/s", ours.Median), modules([]string{module}, func(name string) string {
			theirs := r.get(group, "prosody", name, "")
			return fmt.Sprintf("%.0f/s: we make %.2f times that", theirs.Median, ours.Median/theirs.Median)
		}))
	}
	for _, c := range []struct{ n, connections, aim string }{{"1", "connection", "0.9×"}, {"16", "connections", "2×"}, {"64", "connections", "2.7×"}} {
		post("`POST /rest`, "+c.n+" "+c.connections+", 202 when Prosody has it", c.aim+" mod_rest", "POST /rest, c = "+c.n, "mod_rest")
	}
	row("`POST /v1/messages`, 16 connections, 202 when Prosody has it", "", fmt.Sprintf("%.0f/s", r.get("POST /v1/messages, c = 16", "prosody", "stanzahook", "").Median), "")
	post("`POST /msg` with an account, 16 connections, 201 when Prosody has it", "", "POST /msg, c = 16", "mod_post_msg")
	post("refresh of 100 rosters of 50 contacts, users/s, Prosody, nothing new", "", "refresh, 50 contacts, unchanged", "mod_http_roster_admin")
	post("the same, 5 contacts are others; stored by Prosody, by the module not", "", "refresh, 50 contacts, 5 others", "mod_http_roster_admin")
	roster := func(server string) load.Figure {
		return r.get("refresh, 50 contacts, 5 others", server, "stanzahook", "")
	}
	row("the same, of a raw component with the same IQs; IQs a user", "0.9; 3", fmt.Sprintf("%.2f; %.1f", roster("prosody").Ratio, roster("prosody").Others["IQs a user"]), "")
	row("the same on ejabberd, of a raw caller of its API", "0.9", fmt.Sprintf("%.2f (%.0f/s)", roster("ejabberd").Ratio, roster("ejabberd").Median), "")
	events := func(name string) string {
		return fmt.Sprintf("%.0f/s, %.0f µs", 1e9/r.get("in process", "", name, "ns/op").Median, r.get("in process", "", name, "cpu-ns/op").Median/1e3)
	}
	row("events without an XMPP server: stored, POSTed, answered, confirmed; CPU with bot and peer", "15,000/s, 80 µs our own", events("EventQueued"), "")
	row("the same, direct", "20,000/s", events("EventDirect"), "")
	row("one endpoint dead, 100,000 events waiting for it", "+64 MiB, the others keep 90 %", "see `make faults`", "")
	row("ten kills at full load", "0 lost of what was stored, in order", "see `make faults`", "")
	parse := r.get("in process", "", "FrameAndParse", "ns/op").Median
	times := func(name string) string {
		return fmt.Sprintf("%.1f times as long", r.get("in process", "", name, "ns/op").Median/parse)
	}
	row("framing and reading a chat stanza of 400 bytes", "2 µs, 2 allocations", fmt.Sprintf("%.2f µs, %.0f allocations", parse/1e3, r.get("in process", "", "FrameAndParse", "allocs/op").Median),
		"encoding/xml "+times("EncodingXML")+", gosrc.io/xmpp "+times("GosrcNextPacket"))
	row("refresh of rosters without an XMPP server, 50 contacts: nothing new; five changes", "2,000; 300 users/s",
		fmt.Sprintf("%.0f; %.0f users/s", r.get("in process", "", "RostersUnchanged", "users/s").Median, r.get("in process", "", "RostersChanged", "users/s").Median), "")
	row("memory when idle", "40 MiB", fmt.Sprintf("%.0f MiB", r.get("start, 0 events stored", "", "memory after a stop", "MiB").Median), "")
	row("a message of a room, more than a chat message; a message that refers to none: reading what it is",
		"5 µs; 1 µs, 0 allocations", fmt.Sprintf("%.1f µs; %.2f µs, %.0f allocations", r.get("rooms", "", "CPU of a groupchat event, more than of a chat event", "").Median,
			r.get("in process", "", "Read", "ns/op").Median/1e3, r.get("in process", "", "Read", "allocs/op").Median), "")
	row("1,000 rooms with 10 occupants each, memory right after the joins; at rest, half a minute later", "10 MiB", fmt.Sprintf("%.1f MiB; %.1f MiB",
		r.get("rooms", "", "memory of 1000 rooms with 10 occupants", "").Median, r.get("rooms", "", "memory of 1000 rooms with 10 occupants, at rest", "").Median), "")
	rejoin := func(server, archives string) string {
		f := func(name string) float64 { return r.get("1000 rooms joined again"+archives, server, name, "").Median }
		return fmt.Sprintf("%.1f s; %+.0f ms", f("until all are joined"), f("answer of the bot meanwhile, p99")-f("answer of the bot before, p99"))
	}
	row("1,000 rooms joined again on Prosody; a chat beside it, p99", "5 s; +50 ms", rejoin("prosody", ""), "")
	row("the same on ejabberd", "5 s; +50 ms", rejoin("ejabberd", ""), "")
	row("the same with archives: Prosody, ejabberd", "", rejoin("prosody", ", with archives")+"; "+rejoin("ejabberd", ", with archives"), "")
	row("start to ready: nothing stored; 1,000,000 events", "0.3 s; 3 s", fmt.Sprintf("%.2f s; %.2f s, after a kill %.1f s",
		r.get("start, 0 events stored", "", "ready after a stop", "ms").Median/1e3, r.get("start, 1000000 events stored", "", "ready after a stop", "ms").Median/1e3,
		r.get("start, 1000000 events stored", "", "ready after a kill", "ms").Median/1e3), "")
	return b.String()
}
