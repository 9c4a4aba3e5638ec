package schema

import (
	"fmt"
	"testing"
)

func TestFormats(t *testing.T) {
	tests := map[string]struct{ valid, invalid []string }{
		"date":                  {[]string{"2024-02-29"}, []string{"2023-02-29", "2024-2-9", "24-01-01", "2024-01-01 ", ""}},
		"time":                  {[]string{"00:00:00Z", "23:59:60z", "22:59:60.5-01:00", "00:29:60+00:30", "12:00:00.123456789+23:59"}, []string{"24:00:00Z", "12:00Z", "12:00:00", "12:00:00.Z", "12:00:60Z", "12:00:00+24:00", "12:00:00+1:00", "+1:00:00Z"}},
		"date-time":             {[]string{"2024-02-29T12:00:00Z", "1998-12-31t15:59:60-08:00"}, []string{"2024-02-29 12:00:00Z", "2024-02-29T12:00:00", "2024-02-30T12:00:00Z", "2024-02-29"}},
		"duration":              {[]string{"P1Y", "P1Y2M3DT4H5M6S", "PT0S", "P2W"}, []string{"", "P", "PT", "P1", "P1YT", "P1M1Y", "1Y", "P1W1D", "P١Y"}},
		"period":                {[]string{"2024-01-01T00:00:00Z/2024-01-02T00:00:00Z", "2024-01-01T00:00:00Z/P1D", "P1D/2024-01-01T00:00:00Z"}, []string{"P1D/P1D", "P1D", "2024-01-01T00:00:00Z/"}},
		"email":                 {[]string{"a@b", `"a b"@c`, "a+b@c.example", "a@[1.2.3.4]", "a@[IPv6:::1]"}, []string{"a", "@b.", "a@-b", ".a@b", "a.@b", "a..b@c", "a b@c", "a@[::1]", `"a"b"@c`}},
		"hostname":              {[]string{"a", "a-b.c.", "1.example"}, []string{"", "-a", "a-", "a_b", "a..b", "ü", fmt.Sprintf("%064d", 0)}},
		"ipv4":                  {[]string{"0.0.0.0", "255.255.255.255"}, []string{"256.0.0.0", "1.2.3", "01.2.3.4", "1.2.3.4.5", "::1", "+1.2.3.4"}},
		"ipv6":                  {[]string{"::", "::1", "2001:db8::1", "::ffff:1.2.3.4"}, []string{"", ":", "1.2.3.4", "::1%lo", "12345::", "[::1]"}},
		"uri":                   {[]string{"https://example.com/a?b#c", "urn:a:b", "mailto:a@b", "http://[::1]/"}, []string{"", "/a", "//a/b", "http://[1]/", "http://::1/", "%"}},
		"iri":                   {[]string{"https://example.com/ü"}, []string{"ü"}},
		"uri-reference":         {[]string{"", "/a", "#a", "https://example.com"}, []string{`\a`, "%", ":"}},
		"iri-reference":         {[]string{"ü"}, []string{`\ü`}},
		"uri-template":          {[]string{"http://a/{b}/{c}", "{a}", ""}, []string{"http://a/{b", "http://a/b}", "http://a/{b{c}}"}},
		"json-pointer":          {[]string{"", "/", "/a~0b~1c", "/~01"}, []string{"a", "/~", "/~2", "/a~", "/~~0"}},
		"relative-json-pointer": {[]string{"0", "0#", "10/a", "1/"}, []string{"", "01", "-1", "0##", "0a", "#", "/a"}},
		"uuid":                  {[]string{"00000000-0000-0000-0000-000000000000", "2EB8AA08-aa98-11ea-B4AA-73B441D16380"}, []string{"", "00000000-0000-0000-0000-00000000000", "00000000000000000000000000000000", "g0000000-0000-0000-0000-000000000000"}},
		"regex":                 {[]string{"", "^a+$"}, []string{"(", "a**", "(?=a)"}},
		"semver":                {[]string{"0.0.0", "1.2.3-a.1-b+c.01", "1.0.0--"}, []string{"1.2", "v1.2.3", "01.2.3", "1.2.3-", "1.2.3+", "1.2.3-01", "1.2.3+a..b", "1.2.3-ü"}},
	}
	for _, f := range formats {
		test, ok := tests[f.name]
		if !ok {
			t.Errorf("no test of %s", f.name)
		}
		for _, text := range test.valid {
			if !f.valid(text) {
				t.Errorf("%s: %q is not valid", f.name, text)
			}
		}
		for _, text := range test.invalid {
			if f.valid(text) {
				t.Errorf("%s: %q is valid", f.name, text)
			}
		}
	}
}
