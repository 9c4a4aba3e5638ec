package secret

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// revealed returns the values of secrets.
func revealed(list []String) (values []string) {
	for _, s := range list {
		values = append(values, s.Reveal())
	}
	return values
}

func TestHeadersAreTextOrReferences(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cookie")
	if err := os.WriteFile(file, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	source := &Source{Lookup: func(name string) (string, bool) { return "Bearer from-" + name, name == "TOKEN" }}
	c, exposed, err := source.Headers([]string{"Authorization: env:TOKEN", "X-Plain:yes ", "X-Api-Key: on-the-line", "X-Dash: -", "X-File: file:" + file})
	if err != nil {
		t.Fatal(err)
	}
	want := http.Header{"Authorization": {"Bearer from-TOKEN"}, "X-Plain": {"yes"}, "X-Api-Key": {"on-the-line"}, "X-Dash": {"-"}, "X-File": {"from-file"}}
	if diff := cmp.Diff(want, c.Header()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"X-Api-Key"}, exposed); diff != "" {
		t.Errorf("exposed: %s", diff)
	}
	if diff := cmp.Diff([]string{"", "Bearer from-TOKEN", "on-the-line", "from-file"}, revealed(c.Secrets())); diff != "" {
		t.Errorf("secrets: %s", diff)
	}
	header := http.Header{"X-Plain": {"a", "b"}, "Other": {"kept"}}
	c.Apply(header.Set)
	if header.Get("X-Plain") != "yes" || len(header.Values("X-Plain")) != 1 || header.Get("Other") != "kept" {
		t.Errorf("Apply: %v", header)
	}
	if got := c.Secrets()[1].Variable(); got != "TOKEN" {
		t.Errorf("the variable of Authorization is %q", got)
	}
}

func TestBadHeadersAreRefusedWithoutTheirValues(t *testing.T) {
	source := &Source{Lookup: func(name string) (string, bool) { return "s3cr3t\nline", name == "TWO_LINES" }}
	for _, tt := range []struct {
		list []string
		want string
	}{
		{[]string{"s3cr3t"}, ErrNoColon.Error()},
		{[]string{"Bad Name: s3cr3t"}, `"Bad Name" is not a header name`},
		{[]string{"X-A: s3cr3t", "x-a: other"}, "duplicate header x-a"},
		{[]string{"X-A:", "X-A: s3cr3t"}, "duplicate header X-A"},
		{[]string{"X-A: env:NOPE"}, "X-A: environment variable NOPE is not set"},
		{[]string{"X-A: env:TWO_LINES"}, "the value of header X-A contains a line break or another character that is not allowed"},
	} {
		c, _, err := source.Headers(tt.list)
		if err == nil || err.Error() != tt.want || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%q: got %v, %v, want %q", tt.list, c, err, tt.want)
		}
	}
	if _, _, err := source.Headers([]string{"x"}); !errors.Is(err, ErrNoColon) {
		t.Errorf("got %v", err)
	}
}

func TestMissingCredentialsAreTakenFromOthers(t *testing.T) {
	random := NewCredentials(New("random"), http.Header{"Authorization": {"Bearer random"}})
	for _, tt := range []struct {
		name   string
		given  Credentials
		secret string
		header http.Header
	}{
		{"none", Credentials{}, "random", http.Header{"Authorization": {"Bearer random"}}},
		{"a secret", NewCredentials(New("mine"), nil), "mine", http.Header{"Authorization": {"Bearer random"}}},
		{"a header", NewCredentials(String{}, http.Header{"X-A": {"mine"}}), "random", http.Header{"X-A": {"mine"}}},
	} {
		got := tt.given.Or(random)
		if diff := cmp.Diff(tt.header, got.Header()); diff != "" || got.Secret().Reveal() != tt.secret {
			t.Errorf("%s: %q, %s", tt.name, got.Secret().Reveal(), diff)
		}
	}
}

func TestMaskHeaderRemovesSecrets(t *testing.T) {
	header := http.Header{
		"X-Shop": {"Bearer shop-t0ken"}, "X-Copy": {"was: shop-t0ken"}, "Cookie": {"a=b"}, "X-Hub-Signature": {"c"},
		"Content-Type": {"application/json"}, "X-Two": {"1", "2"}, "User-Agent": {"with an-api-key"},
	}
	want := http.Header{
		"X-Shop": {Mask}, "X-Copy": {Mask}, "Cookie": {Mask}, "X-Hub-Signature": {Mask},
		"Content-Type": {"application/json"}, "X-Two": {"1", "2"}, "User-Agent": {"with ***"},
	}
	if diff := cmp.Diff(want, MaskHeader(header, http.Header{"X-Shop": {"***"}, "X-Missing": {"***"}}, masking("an-api-key").Mask)); diff != "" {
		t.Error(diff)
	}
	want["X-Two"] = []string{Mask}
	header["Narada-Event"], want["Narada-Event"] = []string{"task"}, []string{"task"}
	if diff := cmp.Diff(want, MaskRefusedHeader(header, http.Header{"X-Shop": {"***"}}, masking("an-api-key").Mask)); diff != "" {
		t.Errorf("refused: %s", diff)
	}
	if header.Get("X-Shop") != "Bearer shop-t0ken" {
		t.Error("the header was changed")
	}
}
