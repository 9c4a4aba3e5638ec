package ngroktest

import "strings"

// A refusal is an error of the service.
type refusal struct{ code, message string }

const online = "The endpoint '%s' is already online. Either\n1. stop your existing endpoint first, or\n2. start both endpoints with pooling enabled"

// text returns the refusal as sent, with {authtoken} replaced.
func (r *refusal) text(authtoken string) string {
	message := r.message
	if message == "" {
		message = usual(r.code)
	}
	message = strings.ReplaceAll(message, "{authtoken}", authtoken)
	return strings.ReplaceAll(message, "\n", "\r\n") + "\r\n\r\n" + r.code + "\r\n"
}

// usual returns ngrok's text for code
// (https://ngrok.com/docs/errors/reference).
func usual(code string) string {
	switch code {
	case "ERR_NGROK_105":
		return "The authtoken you specified does not look like a proper ngrok authtoken.\nYour authtoken: {authtoken}\n" +
			"Instructions to install your authtoken are on your ngrok dashboard:\nhttps://dashboard.ngrok.com/get-started/your-authtoken"
	case "ERR_NGROK_107":
		return "The authtoken you specified is properly formed, but it is invalid.\nYour authtoken: {authtoken}\n" +
			"This usually happens when:\n  - You reset your authtoken\n  - Your authtoken was explicitly revoked"
	case "ERR_NGROK_108":
		return "Your account is limited to 3 simultaneous ngrok agent sessions.\n" +
			"Active ngrok agent sessions in region 'local':\n  - ts_1 (127.0.0.1)"
	case "ERR_NGROK_334":
		return strings.ReplaceAll(online, "'%s'", "you asked for")
	case "ERR_NGROK_4018":
		return "Usage of ngrok requires a verified account and authtoken.\n\nSign up for an account: https://dashboard.ngrok.com/signup"
	}
	return "The service refused."
}

// RefuseAuth refuses every agent from now on with code, such as "ERR_NGROK_105", and
// message, in which {authtoken} is replaced by the agent's token. An empty message is
// ngrok's usual text. An empty code accepts agents again.
func (e *Edge) RefuseAuth(code, message string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refuseAuth = newRefusal(code, message)
}

// RefuseBind is RefuseAuth for endpoints, with codes such as "ERR_NGROK_334".
func (e *Edge) RefuseBind(code, message string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refuseBind = newRefusal(code, message)
}

func newRefusal(code, message string) *refusal {
	if code == "" {
		return nil
	}
	return &refusal{code: code, message: message}
}
