package await

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/narada-cli/narada/pkg/narada"
)

func TestWhatIsSentAndReceivedIsLoggedWithoutSecrets(t *testing.T) {
	cloud := &fakeCloud{dispatch: func(context.Context, int) (string, error) {
		return "", &narada.DispatchError{Err: &narada.APIError{StatusCode: 422, Detail: "s3cret is too short"}}
	}}
	cloud.answers(pending(t))
	var log []string
	c := &LoggedClient{Client: cloud, Mask: func(text string) string { return strings.ReplaceAll(text, "s3cret", "***") }}
	for _, logged := range []bool{false, true} {
		if logged {
			c.Log = func(event, text string) { log = append(log, event+": "+text) }
		}
		_, err := c.Dispatch(t.Context(), &narada.Request{Prompt: "x", CallbackSecret: "s3cret"})
		if refusal, ok := errors.AsType[*narada.APIError](err); !ok || refusal.Detail != "*** is too short" {
			t.Errorf("%v", err)
		}
		if _, err := c.Status(t.Context(), "req_1"); err != nil {
			t.Error(err)
		}
	}
	if len(log) != 2 || !strings.HasPrefix(log[0], `sent: sending {`) || !strings.HasPrefix(log[1], `received: received {"requestId":"req_1"`) {
		t.Errorf("%q", log)
	}
	if slices.ContainsFunc(log, func(text string) bool { return strings.Contains(text, "s3cret") }) {
		t.Errorf("a secret: %q", log)
	}
}
