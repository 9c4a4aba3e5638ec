package secret

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSecretsInURLsAreFound(t *testing.T) {
	for _, tt := range []struct {
		text, masked string
		found        []string
	}{
		{"https://example.com/a?page=2#b", "https://example.com/a?page=2#b", nil},
		{"https://user:p4ss@example.com/a", "https://user:***@example.com/a", []string{"p4ss"}},
		{"https://t0ken@example.com", "https://***@example.com", []string{"t0ken"}},
		{"https://t0ken:@example.com", "https://***:@example.com", []string{"t0ken"}},
		{"postgres://role@db1,db2:5432/x?target_session_attrs=read-write", "postgres://role@db1,db2:5432/x?target_session_attrs=read-write", nil},
		{"--from=postgresql://role@db1/x", "--from=postgresql://role@db1/x", nil},
		{"postgres://role:p4ss@db1:1,db2:2/x?password=p", "postgres://role:***@db1:1,db2:2/x?password=***", []string{"p4ss", "p"}},
		{"https://user:p%2Fa%40s@example.com:1/", "https://user:***@example.com:1/", []string{"p%2Fa%40s", "p/a@s"}},
		{"https://user:p@ss@example.com/", "https://user:***@example.com/", []string{"p@ss"}},
		{"https://user:p4/s?s#@example.com/x", "https://user:***@example.com/x", []string{"p4/s?s#"}},
		{"https://user:p4ss@example.com:port/", "https://user:***@example.com:port/", []string{"p4ss"}},
		{"https://example.com/@me/a@b", "https://example.com/@me/a@b", nil},
		{"https://example.com/?page=2&token=a%2Bb+c&x=1", "https://example.com/?page=2&token=***&x=1", []string{"a%2Bb+c", "a+b c", "a+b+c"}},
		{"https://example.com/?api_key=one;Code=two", "https://example.com/?api_key=***;Code=***", []string{"one", "two"}},
		{"https://example.com/?keyword=a&author=b&monkeys=c&zipcode=d&signed=e&token=", "https://example.com/?keyword=a&author=b&monkeys=c&zipcode=d&signed=e&token=", nil},
		{"https://example.com/?to%6ben=abc", "https://example.com/?to%6ben=***", []string{"abc"}},
		{"https://example.com/#access_token=abc&state=1", "https://example.com/#access_token=***&state=1", []string{"abc"}},
		{"https://b.s3.example/k?X-Amz-Algorithm=A&X-Amz-Credential=c&X-Amz-Date=d&X-Amz-SignedHeaders=host&X-Amz-Security-Token=t&X-Amz-Signature=s",
			"https://b.s3.example/k?X-Amz-Algorithm=A&X-Amz-Credential=***&X-Amz-Date=d&X-Amz-SignedHeaders=host&X-Amz-Security-Token=***&X-Amz-Signature=***", []string{"c", "t", "s"}},
		{"https://example.com/?sig=a&password=b&client_secret=c&auth=d&apikey=e", "https://example.com/?sig=***&password=***&client_secret=***&auth=***&apikey=***", []string{"a", "b", "c", "d", "e"}},
		{"user:p4ss@proxy:3128", "user:***@proxy:3128", []string{"p4ss"}},
		{"me@example.com", "me@example.com", nil},
		{"see a:b and me@example.com", "see a:b and me@example.com", nil},
		{"--to=https://u:p4 ss@h/", "--to=https://u:***@h/", []string{"p4 ss"}},
		{"-- curl https://u:p4ss@h/ -x http://h?key=k done", "-- curl https://u:***@h/ -x http://h?key=*** done", []string{"p4ss", "k"}},
		{"", "", nil}, {"://", "://", nil}, {"a://@", "a://@", nil}, {"a://?", "a://?", nil}, {"a://?=&;#=x", "a://?=&;#=x", nil},
	} {
		var found []string
		for _, s := range InURLs(tt.text) {
			found = append(found, s.Reveal())
		}
		if diff := cmp.Diff(tt.found, found); diff != "" {
			t.Errorf("%s: %s", tt.text, diff)
		}
		if got := MaskURLs(tt.text); got != tt.masked {
			t.Errorf("%s: %s, want %s", tt.text, got, tt.masked)
		}
		if again := MaskURLs(MaskURLs(tt.text)); again != tt.masked {
			t.Errorf("%s: twice masked it is %s", tt.text, again)
		}
	}
}

func FuzzMaskedURLsHaveNoSecrets(f *testing.F) {
	f.Add("code=b#c")
	f.Add("@/ :%")
	f.Fuzz(func(t *testing.T, after string) {
		text := "https://user:s3cret@h/?token=s3cret&" + after
		if got := MaskURLs(text); strings.Contains(got, "s3cret") && !strings.Contains(after, "s3cret") {
			t.Errorf("%q: %q", text, got)
		}
		InURLs(after)
	})
}
