// Package sandbox is a local Narada Cloud, for trying and testing: a real HTTP
// server that accepts dispatches, answers status calls and sends callbacks in the
// format of Remote Dispatch, and runs no agent.
//
// It supports these calls, under the base path /fast/v2 and at the root:
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
// and the presigned URLs that it returns, which need no API key. Uploads are stored in
// a temporary folder, up to 2 GiB each and 4 GiB in total, until it is closed.
//
// A dispatch is validated as the cloud does it. Its task is pending for a moment and
// then succeeds with a text that quotes the prompt and, if the dispatch asks for
// structured output, with sample data for its JSON Schema. It then sends the callback
// to the callbackUrl, with up to six attempts in about 15 s. Rules make tasks end in
// other ways and make calls fail.
//
// It differs from the cloud: a callbackUrl may be plain http on loopback, client mode
// needs no browser window, unknown sessions and uploads are accepted, and nothing is
// stored after it ends. Requests must have a loopback host, so that a web page cannot
// reach it under another host name.
//
// The package is private to narada.
package sandbox
