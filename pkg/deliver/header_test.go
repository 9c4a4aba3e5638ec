package deliver

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHeadersOfTheConnectionAreRemoved(t *testing.T) {
	header := http.Header{
		"Content-Type": {"application/json"}, "Authorization": {"Bearer t"}, "X-Two": {"1", "2"},
		"Connection": {"close, X-Once", "X-Twice"}, "X-Once": {"1"}, "X-Twice": {"2"}, "Te": {"trailers"}, "Transfer-Encoding": {"chunked"},
		"Content-Length": {"7"}, "Keep-Alive": {"5"}, "Upgrade": {"h2c"}, "Expect": {"100-continue"}, "Proxy-Authorization": {"Basic x"},
	}
	want := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer t"}, "X-Two": {"1", "2"}, "User-Agent": {""}}
	if diff := cmp.Diff(want, EndToEnd(header)); diff != "" {
		t.Error(diff)
	}
	if got := EndToEnd(http.Header{"User-Agent": {"Narada"}}); got.Get("User-Agent") != "Narada" {
		t.Errorf("got %v", got)
	}
}
