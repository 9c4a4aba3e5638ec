package task

import (
	"strings"
	"testing"
)

func TestARequestIsSentAgainWithoutItsCallback(t *testing.T) {
	request := `{"prompt":"/Operator it's here","timeZone":"Etc/UTC","callbackUrl":"https://a.example/narada/x","callbackHeaders":{"Authorization":"***"},"callbackSecret":"***","odd":1.10}`
	run, call, err := Again([]byte(request), "https://api.example.com/v2")
	if err != nil {
		t.Fatal(err)
	}
	const body = `'{"prompt":"/Operator it'\''s here","timeZone":"Etc/UTC","odd":1.10}'`
	if want := "printf %s " + body + " | narada run --task -"; run != want {
		t.Errorf("got  %s\nwant %s", run, want)
	}
	if !strings.HasPrefix(call, "curl ") || !strings.Contains(call, "'https://api.example.com/v2/remote-dispatch'") || !strings.HasSuffix(call, "--data-raw "+body) {
		t.Errorf("got %s", call)
	}
	if _, _, err := Again([]byte(`{`), ""); err == nil {
		t.Error("no error")
	}
}
