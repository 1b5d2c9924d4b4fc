// Package hooks serves the addresses that other tools post to: what they say becomes
// messages.
//
//	hooks.go      the routes, and which hook a request is for
//	identify.go   the secret of a hook: in the path, or where tools put it
//	serve.go      one request: signature, rate, payload
//	send.go       its messages
//	threads.go    the first message of each thread, which later states refer to
//	threads_back.go first messages that nobody has
//	slackapi.go   chat.postMessage and chat.update of Slack
//	once.go       a delivery that comes again
//	answer.go     what each tool wants to hear
//	status.go     what became of the requests of each hook, counted
//	requests.go   the latest of them, one by one
//
// The routes are those that tools build of what one types into them:
//
//	/hooks/{name}/{secret}          also /hooks/{name} with the secret in a header
//	/hooks/{secret}, /services/…    tools that take only a host and a token
//	/hooks/{name}/…/{topic}         ntfy, and a target of any other hook
//	/hooks/{name}/…/message         Gotify
//	/api/chat.postMessage           Slack's API; chat.update and auth.test too
//
// A wrong secret has one answer, whatever the hook is and whether there is one. It is
// refused before the router is asked and the body is read; signatures need the body, and a
// request that has only that counts for the bounds of its hook meanwhile. Until its signature
// is known to be right, whatever else is wrong has the answer to a wrong secret, and the body
// of a request with a signature is read for a hook that is not there as well. All hooks together have at most half
// of the slots of the server and of the memory for bodies, and each an eighth; over that the
// answer is 503, and counts for the hook.
package hooks
