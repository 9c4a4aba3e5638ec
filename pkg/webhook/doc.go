// Package webhook receives the callbacks of Narada Cloud: the POST with a
// task's result that the cloud sends to a dispatch's callbackUrl.
//
// What proves that a callback is the cloud's is a Ticket: an unguessable path,
// headers and a secret that were sent with the dispatch and come back with the
// callback. Verify checks one callback against a ticket; Handler is an
// http.Handler that does so for many tickets and passes on what is genuine. A
// service with one fixed endpoint mounts it in five lines:
//
//	ticket := webhook.Ticket{
//		Path:   "/api/narada/webhook",
//		Header: http.Header{"Authorization": {"Bearer " + os.Getenv("WEBHOOK_TOKEN")}},
//		Secret: os.Getenv("NARADA_CALLBACK_SECRET"),
//	}
//	http.Handle(ticket.Path, webhook.NewHandler(ticket, sink))
//
// The package depends on package narada, the standard library and
// golang.org/x/sync. It and package narada are meant for other programs.
package webhook
