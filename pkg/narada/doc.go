// Package narada is a client of Narada Cloud's Remote Dispatch API: it submits a
// prompt to a web agent and fetches the result.
//
// Dispatch submits a Request and returns its request ID. Status asks for the state of
// a task once. Wait polls until the task has finished:
//
//	client, err := narada.NewClient(os.Getenv("NARADA_API_KEY"))
//	...
//	id, err := client.Dispatch(ctx, &narada.Request{
//		Prompt:          "/Operator count the open issues of cli/cli",
//		BrowserWindowID: "window_xyz789",
//	})
//	...
//	result, err := client.Wait(ctx, id)
//	fmt.Println(result.Text())
//
// Upload uploads a file for use in a dispatch. StartSession starts a cloud browser
// session in which tasks can run, Downloads lists the files downloaded in it, and
// StopSession ends it. To receive results instead of polling, see package webhook.
//
// # Errors and retries
//
// Every call except Wait makes one attempt; the caller decides what to retry. Wait
// retries the failures for which Temporary returns true. A dispatch and the start of a
// session have no idempotency key: check Maybe of DispatchError and SessionError, or
// their Retryable, before sending one again.
//
// # Limits
//
// An answer may have up to 32 MiB, an error's body up to 64 KiB, of which 2,000 bytes
// are kept. The client sets no timeout: ctx bounds each call. Redirects are not
// followed, since the API key must not reach another host.
//
// Fields and endpoints follow the documentation at https://docs.narada.ai and the
// official Python SDK. The package imports only the standard library.
package narada
