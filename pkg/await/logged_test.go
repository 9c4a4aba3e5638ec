package await

import (
	"context"
	"strings"
	"testing"

	"github.com/narada-cli/narada/pkg/narada"
)

func TestWhatIsSentAndReceivedIsLoggedWithoutSecrets(t *testing.T) {
	cloud := &fakeCloud{dispatch: func(context.Context, int) (string, error) { return "req_1", nil }}
	cloud.answers(pending(t))
	var log []string
	c := &LoggedClient{Client: cloud, Log: func(event, text string) { log = append(log, event+": "+text) }}
	if id, err := c.Dispatch(t.Context(), &narada.Request{Prompt: "x", CallbackSecret: "s3cret"}); id != "req_1" || err != nil {
		t.Errorf("%q, %v", id, err)
	}
	if _, err := c.Status(t.Context(), "req_1"); err != nil {
		t.Error(err)
	}
	if len(log) != 2 || !strings.HasPrefix(log[0], `sent: sending {`) || !strings.HasPrefix(log[1], `received: received {"requestId":"req_1"`) || strings.Contains(log[0], "s3cret") {
		t.Errorf("%q", log)
	}
}
