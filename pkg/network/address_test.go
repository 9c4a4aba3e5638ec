package network

import (
	"net/url"
	"strings"
	"testing"
)

func TestHostsAreLocalOrNot(t *testing.T) {
	for host, want := range map[string]string{
		"localhost": "loopback", "LOCALHOST.": "loopback", "app.localhost": "loopback", "a.b.localhost.": "loopback", "127.0.0.1": "loopback", "[::1]": "loopback", "::1": "loopback", "127.9.9.9": "loopback",
		"hook": "local", "web-1": "local", "hook.test": "local", "printer.local": "local", "host.docker.internal": "local", "nas.home.arpa": "local",
		"10.1.2.3": "local", "192.168.1.2": "local", "172.16.0.1": "local", "fd00::1": "local", "[fe80::1]": "local", "169.254.1.1": "local", "::ffff:10.0.0.1": "local",
		"example.com": "", "localhost.example.com": "", "notlocalhost": "local", "test": "local", "internal.example": "", "93.184.215.14": "", "8.8.8.8": "", "2606:2800::1": "",
		"2130706433": "", "0x7f.1": "", "": "", "::ffff:8.8.8.8": "", "100.64.0.1": "",
	} {
		got := ""
		switch {
		case IsLoopback(host):
			got = "loopback"
		case IsLocal(host):
			got = "local"
		}
		if got != want || got == "loopback" && !IsLocal(host) {
			t.Errorf("%q is %q, want %q", host, got, want)
		}
	}
}

// What a person types as an endpoint, and its URL, or the error with its hint.
func TestAnAddressIsReadAsAPersonWritesIt(t *testing.T) {
	const plain = "use https, or an address of this machine: over http the secret and the answer can be read on the network"
	for typed, want := range map[string]string{
		"3000":                      "http://localhost:3000",
		":3000":                     "http://localhost:3000",
		":3000/x":                   "http://localhost:3000/x",
		"3000/x?a=b":                "http://localhost:3000/x?a=b",
		"localhost:3000":            "http://localhost:3000",
		"localhost:3000/x":          "http://localhost:3000/x",
		"127.0.0.1:3000/x":          "http://127.0.0.1:3000/x",
		"[::1]:3000/x":              "http://[::1]:3000/x",
		"app.localhost:3000/x":      "http://app.localhost:3000/x",
		"http://app.localhost/x":    "http://app.localhost/x",
		"https://example.com/hook":  "https://example.com/hook",
		"HTTPS://example.com":       "https://example.com",
		"https://münchen.example/x": "https://m%C3%BCnchen.example/x",
		"https://[2606:2800::1]/x":  "https://[2606:2800::1]/x",

		"":                                  `"" is not a URL; write it as https://HOST/PATH`,
		"hook":                              `"hook" is not a URL; write it as https://HOST/PATH`,
		"a b":                               `"a b" is not a URL; write it as https://HOST/PATH`,
		"localhost":                         `"localhost" has no port; write it as localhost:PORT`,
		"localhost/x":                       `"localhost/x" has no port; write it as localhost:PORT/x`,
		"127.0.0.1":                         `"127.0.0.1" has no port; write it as 127.0.0.1:PORT`,
		"hook:8080/x":                       `"hook:8080/x" has no scheme; http://hook:8080/x`,
		"192.168.1.2:8080":                  `"192.168.1.2:8080" has no scheme; http://192.168.1.2:8080`,
		"example.com":                       `"example.com" has no scheme; https://example.com`,
		"example.com/hook":                  `"example.com/hook" has no scheme; https://example.com/hook`,
		"example.com:8443/hook":             `"example.com:8443/hook" has no scheme; https://example.com:8443/hook`,
		"example.com/hook?token=s3cret":     `"example.com/hook?token=***" has no scheme; https://example.com/hook?token=***`,
		"https:example.com/hook":            `"https:example.com/hook" has no // after https:; https://example.com/hook`,
		"http:/localhost:3000":              `"http:/localhost:3000" has no // after http:; http://localhost:3000`,
		"htp://example.com/hook":            `"htp://example.com/hook" does not begin with https:// or http://; https://example.com/hook`,
		"ftp://example.com":                 `"ftp://example.com" does not begin with https:// or http://; https://example.com`,
		"://example.com":                    `"://example.com" does not begin with https:// or http://; https://example.com`,
		"https://":                          `"https://" has no host; write it as https://HOST/PATH`,
		"https:///hook":                     `"https:///hook" has no host; write it as https://HOST/PATH`,
		"http://:3000/hook":                 `"http://:3000/hook" has no host; write it as http://HOST/PATH`,
		"https://example.com/a b":           `"https://example.com/a b" contains a space or a control character; write a space as %20`,
		" https://example.com":              `" https://example.com" contains a space or a control character; write a space as %20`,
		"https://example.com/\n":            `"https://example.com/\n" contains a space or a control character; write a space as %20`,
		"localhost:3000/a b":                `"http://localhost:3000/a b" contains a space or a control character; write a space as %20`,
		"99999":                             `"http://localhost:99999" has the port 99999, which is not a number from 1 to 65535; `,
		"http://localhost:0/x":              `"http://localhost:0/x" has the port 0, which is not a number from 1 to 65535; `,
		"https://example.com:port/x":        `"https://example.com:port/x" has the port port, which is not a number from 1 to 65535; `,
		"https://user:s3cret@example.com/x": `"https://user:***@example.com/x" contains a user name; send credentials in a header`,
		"user:s3cret@localhost:3000":        `"http://user:***@localhost:3000" contains a user name; send credentials in a header`,
		"https://example.com/x#part":        `"https://example.com/x#part" has a fragment; remove what begins with #: it is not sent`,
		"https://example.com/x?token=***":   `"https://example.com/x?token=***" is not the whole URL: its secret is masked; write the secret in place of ***`,
		"https://example.com/%zz":           `"https://example.com/%zz" is not a URL; write it as https://HOST/PATH`,
		"http://example.com":                `"http://example.com" is plain http; ` + plain,
		"http://8.8.8.8:3000":               `"http://8.8.8.8:3000" is plain http; ` + plain,
		"http://hook:3000/x":                `"http://hook:3000/x" is plain http; use https, or --allow-http for a container or a private network`,
	} {
		u, err := ParseURL(Expand(typed))
		if err == nil {
			err = CheckPlain(u, false)
		}
		got := ""
		if wrong, ok := err.(*AddressError); ok {
			got = wrong.Text + "; " + wrong.Next
		} else {
			got = u.String()
		}
		if got != want {
			t.Errorf("%q:\n%s, want\n%s", typed, got, want)
		}
		if strings.Contains(got, "s3cret") {
			t.Errorf("%q shows a secret: %s", typed, got)
		}
	}
}

func TestPlainHTTPIsForLocalHostsThatAreAllowed(t *testing.T) {
	for address, want := range map[string]bool{
		"http://hook:3000": true, "http://web.test": true, "http://10.0.0.1": true, "http://x.local/": true, "http://host.docker.internal:3000/x": true,
		"http://example.com": false, "http://8.8.8.8": false, "https://example.com": true,
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckPlain(u, true); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}
