// Package contract tries whether a webhook endpoint keeps the contract of Narada
// Cloud's callbacks: it is reached by https at a public address, shows a
// certificate that the cloud can verify, answers the POST of every kind of callback
// with 200 promptly and without a redirect, and refuses callbacks that do not show
// its header and secret.
//
// Check.Run sends real callbacks, with made-up request IDs that begin with req_check_ and
// with the header Narada-Check, which names the test. The endpoint works on them as
// on those of a task, so it is for the person who runs a check to say that it may.
//
// The tests are made so that one flaw fails one test. What cannot be told any more
// after it is skipped: nothing else is learnt from an endpoint that redirects.
//
// The header and the secret are those of the real endpoint. They are sent only when
// https, the certificate and the host have been verified, or over plain http when the
// caller allows it. No finding repeats them, or the path and query of the URL.
//
// The package is private to narada.
package contract
