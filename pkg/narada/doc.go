// Package narada is a client of Narada Cloud's Remote Dispatch API, which hands
// a prompt to a web agent and gives its result back later.
//
// Dispatch submits a Request and returns its request ID; Status asks how a
// task stands; Wait asks until it has finished:
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
// Upload gives a file to the cloud, for a dispatch to name; StartSession starts a
// cloud browser for tasks to run in, whose Downloads can be fetched, and
// StopSession ends it.
//
// All but Wait make one attempt a call, so that the caller decides what is tried
// again; Wait rides out failures that may pass, which Temporary tells from
// others. A dispatch has no idempotency key, nor has the start of a session:
// DispatchError and SessionError say whether it may have been accepted all the
// same, which is what to look at before sending it twice.
//
// The package depends on nothing but the standard library. It is one of the
// two packages of narada that are meant for other programs; package webhook is
// the other.
package narada
