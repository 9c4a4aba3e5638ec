package store

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
)

func TestAnIntentTakesFieldsFromItsRequest(t *testing.T) {
	for prompt, agent := range map[string]string{
		"/Operator count": "operator", "/OperatorMini count": "operator-mini", "/coreAgent count": "core", "/CoreAgentMini count": "core-mini",
		"/my-agent count": "my-agent", "count": "generalist", "/ count": "generalist", "": "generalist", "/my\tcount": "generalist", "/my-agent": "my-agent",
	} {
		i := IntentOf(&narada.Request{Prompt: prompt}, Intent{})
		if i.Agent != agent || i.CloudSession != "" || i.Parent != "" {
			t.Errorf("%q: got %+v", prompt, i)
		}
	}
	request := &narada.Request{Prompt: "/Operator count", CloudBrowserSessionID: "session_1", PreviousRequestID: "req_1", CallbackSecret: "s3cret"}
	got := IntentOf(request, Intent{Source: "run", Prompt: "count", Machine: "here"})
	if strings.Contains(string(got.Body), "s3cret") {
		t.Errorf("the secret is in %s", got.Body)
	}
	want := Intent{Source: "run", Prompt: "count", Machine: "here", Agent: "operator", CloudSession: "session_1", Parent: "req_1",
		Body: []byte(`{"prompt":"/Operator count","cloudBrowserSessionId":"session_1","previousRequestId":"req_1","callbackSecret":"***"}`)}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(webhook.Ticket{})); diff != "" {
		t.Error(diff)
	}
}
