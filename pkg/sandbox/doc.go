// Package sandbox is a local Narada Cloud, for trying and testing: a real HTTP
// server that takes dispatches, answers status calls and sends callbacks in the
// shapes of Remote Dispatch, and runs no agent.
//
// It knows these calls, under the base path /fast/v2 and at the root alike:
//
//	POST /remote-dispatch
//	GET  /remote-dispatch/responses/{requestId}
//	POST /remote-dispatch/generate-file-upload-presigned-post
//	POST /cloud-browser/create-and-initialize-cloud-browser-session
//	POST /cloud-browser/create-cloud-browser-session
//	POST /cloud-browser/stop-cloud-browser-session
//	GET  /cloud-browser/replay/downloads?session_id=
//	GET  /cloud-browser/replay/download-url?session_id=&key=
//	GET  /sdk/config
//
// and the presigned URLs that it gives out, which want no API key. Uploads are
// kept in a temporary folder, up to 2 GiB each and 4 GiB together, until it is
// closed.
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
// loopback; client mode works without a browser window; a session or an upload
// that it knows nothing of is let through; nothing is kept when it ends. Requests must name a loopback host, so that a web page cannot reach
// it through a name of its own.
//
// The package is private to narada.
package sandbox
