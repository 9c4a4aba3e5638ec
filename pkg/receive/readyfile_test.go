package receive

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/webhook"
)

// The registration exists just as long.
func TestTheReadyFileExistsWhileTheAddressAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "ready.json")
		stale := []byte(`{"url":"http://127.0.0.1:1"}`)
		if err := os.WriteFile(path, stale, 0o600); err != nil {
			t.Fatal(err)
		}
		answers := make(chan struct{})
		c := listen(t, func(c *command, o *ListeningOptions) {
			o.ReadyFile, o.Name = path, "blue"
			direct := o.Transport
			o.Transport = web(func(r *http.Request) (*http.Response, error) {
				select {
				case <-answers:
					return direct.RoundTrip(r)
				default:
					return nil, errors.New("no such host")
				}
			})
		})
		time.Sleep(time.Minute)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("before the address answers: %v", err)
		}
		if names := running(t, string(c.o.Registry.(Folder))); names != nil {
			t.Errorf("before the address answers there is %v", names)
		}
		close(answers)
		time.Sleep(time.Minute)
		content, err := os.ReadFile(path)
		want := fmt.Sprintf(`{"url":"https://hook.example/base%s","secret":%q,"headers":{"Authorization":%q}}`+"\n",
			c.o.Ticket.Path, c.o.Ticket.Secret, c.o.Ticket.Header.Get("Authorization"))
		if diff := cmp.Diff(want, string(content)); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
		if diff := cmp.Diff([]string{"blue https://hook.example/base"}, running(t, string(c.o.Registry.(Folder)))); diff != "" {
			t.Error(diff)
		}
		c.interrupt(errInterrupted)
		c.end(Summary{Reason: errInterrupted, Waiting: 1}, nil)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after the end: %v", err)
		}
		if diff := cmp.Diff([]string{"NotReady", "Ready"}, c.eventKinds()); diff != "" || !c.events[1].(Ready).Late {
			t.Errorf("%+v %s", c.events, diff)
		}
	})
}

// It is neither replaced at the start nor removed at the end.
func TestAnotherListenersReadyFileIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ready.json")
	other := []byte("not a ready file")
	if err := os.WriteFile(path, other, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := NewListening(t.Context(), ListeningOptions{Registry: Folder(t.TempDir()), ReadyFile: path})
	if _, ok := errors.AsType[*ReadyFileError](err); !ok {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	ours, err := newReadyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := ours.write("https://hook.example", webhook.Ticket{}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, other, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ours.remove(); err != nil {
		t.Error(err)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != string(other) {
		t.Errorf("%v %s", err, content)
	}
}
