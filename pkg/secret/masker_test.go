package secret

import (
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/narada-cli/narada/pkg/secret/secrettest"
)

func masking(values ...string) *Masker {
	m := NewMasker()
	for _, v := range values {
		m.Hide(New(v))
	}
	return m
}

func TestEveryFormOfASecretIsMasked(t *testing.T) {
	for _, value := range []string{
		"abcd", "plain-t0ken_0123", `se"cret/<1>&more`, "pass word+1 %41", "zo\u00eb \U0001f389 key", "tab\tand\\n", "it's \a\v\x01\x7f\u00ad", "a&amp;b%2Fc\\u0041", "====", "0000",
	} {
		for name, write := range secrettest.Forms() {
			text := "before " + write(value) + " after"
			if !secrettest.Reveals(text, value) {
				t.Fatalf("%q, %s: Reveals does not find it in %s", value, name, text)
			}
			got := masking(value).Mask(text)
			if secrettest.Reveals(got, value) || !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") || !strings.Contains(got, Mask) {
				t.Errorf("%q, %s: %s becomes %s", value, name, text, got)
			}
		}
	}
}

func TestPartsOfASecretAreMasked(t *testing.T) {
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:pa55word"))
	for _, tt := range []struct{ secret, text, want string }{
		{"Bearer t0ken-0123", "Authorization: Bearer t0ken-0123", "Authorization: ***"},
		{"Bearer t0ken-0123", "bearer t0ken-0123, token=t0ken-0123", "bearer ***, token=***"},
		{"t0ken-0123", `{"authorization":"Bearer t0ken-0123"}`, `{"authorization":"Bearer ***"}`},
		{basic, basic, "***"},
		{basic, "user:pa55word", "***"},
		{basic, "password pa55word of user", "password *** of user"},
		{"two words here", "words here", "words here"},
		{"abc", "abc", "abc"}, // too short
		{"", "abc", "abc"},
	} {
		if got := masking(tt.secret).Mask(tt.text); got != tt.want {
			t.Errorf("%q: %q becomes %q, want %q", tt.secret, tt.text, got, tt.want)
		}
	}
}

// A PEM key comes back with other line endings, in one line, or in pieces.
func TestTheLinesOfASecretAreMasked(t *testing.T) {
	const key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEf\nQ2s9xA0K71cH8Yt3nW5vLqZ\nend\n-----END PRIVATE KEY-----\n"
	m := masking(key)
	for text, want := range map[string]string{
		key:                                 "***",
		strings.TrimSpace(key):              "-----BEGIN PRIVATE KEY-----\n***\n***\nend\n-----END PRIVATE KEY-----",
		strings.ReplaceAll(key, "\n", `\n`): "***",
		strings.ReplaceAll(key, "\n", " "):  "-----BEGIN PRIVATE KEY----- *** *** end -----END PRIVATE KEY----- ",
		"line 2: Q2s9xA0K71cH8Yt3nW5vLqZ":   "line 2: ***",
	} {
		if got := m.Mask(text); got != want {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}

func BenchmarkMaskWithoutASecret(b *testing.B) {
	m := masking("s3cr3t-value", "an0ther/secret&value")
	text := strings.Repeat(`{"a":"100%25 of \"b\" &amp; c\n"}`, 30_000) // 1 MiB
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		m.Mask(text)
	}
}

func TestOverlappingSecretsAreMasked(t *testing.T) {
	for _, tt := range []struct {
		name       string
		secrets    []string
		text, want string
	}{
		{"a secret within another", []string{"token", "token-and-more"}, "token-and-more token", "*** ***"},
		{"the end of one is the start of another", []string{"abcdef", "defghi"}, "xabcdefghix", "x***x"},
		{"one after the other", []string{"abcd", "efgh"}, "abcdefgh", "***"},
		{"itself", []string{"aaaa"}, "aaaaaa", "***"},
		{"one that appears when another is masked", []string{"a***b", "cccc"}, "accccb", "***"},
		{"a secret that is the mask", []string{"****"}, "****", "***"},
	} {
		if got := masking(tt.secrets...).Mask(tt.text); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestChangedSpellingsOfASecretAreMasked(t *testing.T) {
	m := NewMasker(func(text string) string { return strings.Join(strings.Fields(text), " ") }, strings.ToUpper)
	m.Hide(New("two\nlines"))
	if got := m.Mask("on one: two lines; TWO\nLINES"); got != "on one: ***; ***" {
		t.Errorf("got %q", got)
	}
}

func TestTruncatedSecretIsMasked(t *testing.T) {
	m := masking(`s3cr3t/"value"`)
	for _, tt := range []struct{ text, want string }{
		{"before s3cr3t", "before ***"},
		{"before s3cr", "before ***"},
		{"before s3c", "before s3c"}, // shorter than a secret that is masked
		{`before s3cr3t/\"value\"`, "before ***"},
		{`before s3cr3t/\"val`, "before ***"},
		{`before s3cr3t\u002f\u00`, "before ***"},
		{`before s3cr3t\`, "before ***"},
		{"before s3cr3t%2F%2", "before ***"},
		{"before s3cr3t/&quo", "before ***"},
		{"before " + base64.StdEncoding.EncodeToString([]byte(`s3cr3t/"value"`))[:9], "before ***"},
		{"s3cr3t is all there", "s3cr3t is all there"},
	} {
		if got := m.MaskStart(tt.text); got != tt.want {
			t.Errorf("%q becomes %q, want %q", tt.text, got, tt.want)
		}
	}
	if got := m.Mask("before s3cr3t"); got != "before s3cr3t" {
		t.Errorf("Mask masks an incomplete secret: %q", got)
	}
}

func TestRecentlyForgottenSecretsAreStillMasked(t *testing.T) {
	m := masking("secret-0", "twice", "twice", "Bearer same-token", "same-token")
	m.Forget(New("secret-0"), New("twice"), New("Bearer same-token"), New("never-hidden"))
	if got := m.Mask("secret-0"); got != Mask {
		t.Errorf("at once: %q", got)
	}
	for i := range maxForgotten {
		s := New(fmt.Sprintf("other-%06d", i))
		m.Hide(s)
		m.Forget(s)
	}
	if got := m.Mask("secret-0 twice same-token never-hidden"); got != "secret-0 *** *** never-hidden" {
		t.Errorf("later: %q", got)
	}
	m.Forget(New("twice"), New("same-token"))
	for i := range 2 * maxForgotten {
		s := New(fmt.Sprintf("another-%06d", i))
		m.Hide(s)
		m.Forget(s)
	}
	if len(m.secrets) != maxForgotten || m.Mask("twice same-token") != "twice same-token" {
		t.Errorf("%d secrets, %q", len(m.secrets), m.Mask("twice same-token"))
	}
}

func TestMaskerIsSafeForConcurrentUse(t *testing.T) {
	m := NewMasker()
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 300 {
				s := New(fmt.Sprintf("secret-%d-%d", i, j))
				m.Hide(s)
				if got := m.Mask("a " + s.Reveal() + " b"); got != "a *** b" {
					t.Errorf("got %q", got)
				}
				m.Forget(s)
			}
		})
	}
	group.Wait()
}

// FuzzMask writes a secret into a text in two forms, one applied to the other.
func FuzzMask(f *testing.F) {
	var ways []func(string) string
	for _, name := range []string{"as it is", "JSON of Go", "JSON", "JSON with \\/", "JSON in ASCII", "query", "path", "all of it escaped", "HTML", "base64", "raw base64 for URLs", "Basic"} {
		ways = append(ways, secrettest.Forms()[name])
	}
	f.Add(`se"cret/<1>`, "before ", " after", byte(1), byte(2))
	f.Add("a***b", "a***a***", "b***b", byte(0), byte(0))
	f.Add("%41&lt;\\n", "%", "\\", byte(7), byte(8))
	f.Add("Bearer abcdefgh", `{"a":"`, `"}`, byte(10), byte(1))
	f.Fuzz(func(t *testing.T, value, before, after string, first, second byte) {
		value = strings.ToValidUTF8(value, "?")
		before = strings.NewReplacer(`\`, "", "%", "", "&", "").Replace(before) // would make an escape of the secret's first characters
		m := masking(value)
		inner := ways[int(first)%len(ways)](value)
		text := before + ways[int(second)%len(ways)](inner) + after
		got := m.Mask(text)
		if len(got) > len(text) {
			t.Errorf("%q becomes longer: %q", text, got)
		}
		if again := m.Mask(got); again != got {
			t.Errorf("%q becomes %q, and that %q", text, got, again)
		}
		if start := m.MaskStart(text); len(start) > len(text) || m.Mask(start) != start {
			t.Errorf("start of %q: %q", text, start)
		}
		// Base64 together with another form is not found.
		if len(value) >= shortest && (int(first)%len(ways) < 9 || int(second)%len(ways) == 0) && (int(second)%len(ways) < 9 || int(first)%len(ways) == 0) {
			if strings.Contains(got, value) || strings.Contains(got, inner) || strings.Contains(got, ways[int(second)%len(ways)](inner)) {
				t.Errorf("%q is still in %q", value, got)
			}
		}
	})
}

func BenchmarkMask(b *testing.B) {
	for _, secrets := range []int{3, 3000} {
		m := NewMasker()
		for i := range secrets {
			m.Hide(New(base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d secret of a ticket %d", i*7919, i))))
		}
		text := strings.Repeat(`{"requestId":"req_0123456789abcdef","status":"success","response":{"text":"412 \"jobs\" found"}} `, 12)
		b.Run(fmt.Sprintf("%d secrets", secrets), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				m.Mask(text)
			}
		})
	}
	b.Run("hide and forget", func(b *testing.B) {
		m := NewMasker()
		for i := 0; b.Loop(); i++ {
			s := New(base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d secret of a ticket", i*7919)))
			m.Hide(s)
			m.Forget(s)
		}
	})
}
