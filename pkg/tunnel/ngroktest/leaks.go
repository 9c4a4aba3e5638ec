package ngroktest

import "go.uber.org/goleak"

// IgnoreLibrary lists the goroutines that the ngrok library ends late, for tests that
// look for goroutines left behind: at the next heartbeat (10 seconds), when a lost
// connection's heartbeat is overdue (25 seconds), and after the pause between two
// attempts to connect (from half a second to 30 seconds).
func IgnoreLibrary() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreAnyFunction("golang.ngrok.com/muxado/v2.(*Heartbeat).check"),
		goleak.IgnoreAnyFunction("golang.ngrok.com/muxado/v2.(*Heartbeat).requester"),
		goleak.IgnoreAnyFunction("golang.ngrok.com/ngrok/v2/internal/tunnel/client.(*reconnectingSession).connect"),
	}
}
