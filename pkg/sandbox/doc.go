// Package sandbox is a local Narada Cloud, for trying and testing: a real HTTP
// server that takes dispatches, answers status calls and sends callbacks in the
// shapes of Remote Dispatch, and runs no agent.
//
// It knows three calls, under the base path /fast/v2 and at the root alike:
//
//	POST /remote-dispatch
//	GET  /remote-dispatch/responses/{requestId}
//	GET  /sdk/config
//
// A dispatch is checked as the cloud checks it. Its task stays pending for a
// moment and then succeeds with a text that quotes the prompt and, where the
// dispatch asks for structured output, with data made up from its JSON Schema.
// A callbackUrl gets its callback then, tried six times within about 15 s if it
// is refused. Rules make tasks end otherwise and make the cloud misbehave.
//
// Start listens on a loopback address. New gives the same cloud without a
// listener, as an http.Handler.
//
// It differs from the cloud on purpose: a callbackUrl may be plain http on
// loopback; client mode works without a browser window; nothing is kept when
// it ends. Requests must name a loopback host, so that a web page cannot reach
// it through a name of its own.
//
// The package is private to narada.
package sandbox
