// Package webhook receives the callbacks of Narada Cloud: the POST that reports a task's
// result to the callbackUrl of its dispatch.
//
// A Ticket has the credentials that prove a callback genuine: an unguessable path,
// headers and a secret, which the cloud gets with the dispatch and sends with the
// callback. Verify checks one callback. Handler is an http.Handler that verifies
// callbacks for many tickets and delivers the genuine ones to a Sink. A service with one
// fixed endpoint needs five lines:
//
//	ticket := webhook.Ticket{
//		Path:   "/api/narada/webhook",
//		Header: http.Header{"Authorization": {"Bearer " + os.Getenv("WEBHOOK_TOKEN")}},
//		Secret: os.Getenv("NARADA_CALLBACK_SECRET"),
//	}
//	http.Handle(ticket.Path, webhook.NewHandler(ticket, sink))
//
// The cloud may send a callback more than once; a Sink recognizes a repeat by its request
// ID and body. Sample and Callback make callbacks, to test an endpoint.
//
// The form of a callback follows the documentation at https://docs.narada.ai. The package
// imports package narada, the standard library and golang.org/x/sync.
package webhook
