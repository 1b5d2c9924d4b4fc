// Package app is the running program: it makes the parts that a configuration asks
// for, connects them with each other, and starts and stops them in order.
//
// # The walk of a stanza in
//
//	component/read.go                 the link reads it, and passes it to its handlers in turn (links.go)
//	component/forward/forward.go      the handler for endpoints: which one gets it, or the next handler
//	pkg/delivery/worker.go            it becomes an event in the endpoint's queue
//	pkg/store/queue.go                the event goes to disk, meanwhile
//	pkg/delivery/attempt.go           it is the turn of its conversation: one request
//	pkg/webhook/post.go               the POST
//	pkg/webhook/reply.go              the answer becomes replies
//	pkg/delivery/respond.go           the replies go out
//	component/send.go                 a link writes them (write.go), with a marker behind (marker.go)
//	pkg/store/queue_remove.go         the server has confirmed them: the event is removed
//
// # The walk of a request in
//
//	httpapi/server.go                 the listener takes the connection (connections.go)
//	httpapi/handler.go                the route, the caller (auth.go), its rate, the body, a slot (slots.go)
//	httpapi/v1/messages.go            one of the APIs: the request becomes a stanza (messages_read.go)
//	pkg/gateway/caller.go             may this caller send it?
//	cmd/internal/sending/sender.go    the component's outbox, and the record of sent messages
//	component/outbox/outbox.go        at once, or stored until the server is there
//	component/send.go                 the link; an IQ waits in tracker.go
//	pkg/gateway/outcome.go            the result in one word
//	httpapi/outcome.go                the result as an HTTP answer
//
// # The walk of a request to a standby
//
//	httpapi/elsewhere.go              whom it counts for, and its body, which is kept
//	httpapi/forward/exchange.go       it waits for an active replica, and is sent again if that does no harm
//	pkg/replica/serving.go            which one that is, as its beats say
//	httpapi/forward/attempt.go        one request to it, and its answer
//	httpapi/forward/signature.go      there: whose request is it?
//
// # The walk of a tool's request
//
//	httpapi/hooks/identify.go         the hook, by the secret in the path or where the tool puts it
//	httpapi/hooks/serve.go            the signature, the rate, the recipients
//	pkg/hook/hook.go                  the adapter of the tool and a template make texts of the payload
//	httpapi/hooks/once.go             was this delivery answered before?
//	cmd/internal/sending/sender.go    each text to each recipient, as above
//	httpapi/hooks/answer.go           what the tool wants to hear
//	cmd/internal/app/hooks.go         a message that comes back counts for its hook
//
// # The walk of a refresh
//
//	httpapi/v1/rosters_refresh.go     the list of owners, or httpapi/rosteradmin/refresh.go
//	pkg/roster/jobs.go                a job over the owners, each once (syncer.go)
//	pkg/roster/source.go              the wanted roster, from the web application
//	pkg/roster/choose.go              the backend that can reach the owner's roster on the server
//	component/privilege/rosters.go    it reads and sets by IQ, pkg/roster/ejabberdapi/backend.go by HTTP
//	pkg/roster/diff.go                the difference, contact by contact
//	pkg/store/rosters.go              what is known now
//
// # The walk of an endpoint that is put
//
//	httpapi/v1/endpoints_put.go       the request: a JSON object
//	cmd/internal/made/table.go        its place; when nothing else can fail, it is stored
//	cmd/internal/config/made_endpoint.go    it is read and checked as one of the file
//	pkg/store/endpoints.go            the record
//	cmd/internal/app/endpoints_change.go  the change over, as at a reload: workers, queues, routes
//
// # The walk of a request to who listens
//
//	cmd/internal/cli/listen.go        "stanzahook listen", on another machine perhaps
//	httpapi/v1/listen.go              the stream that it reads, and its answers
//	cmd/internal/listeners/listeners.go the temporary endpoint, in front of all others
//	cmd/internal/listeners/tunnel.go  its bot on this side: requests wait here for their answers
//	pkg/delivery/removed_home.go      at the end, what waits goes to the other endpoints
//
// No package of a walk imports one above it: app gives each the next, as an
// interface or a function.
package app
