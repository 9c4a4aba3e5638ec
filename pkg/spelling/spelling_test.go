package spelling

import "testing"

func TestNearestFindsTheIntendedWord(t *testing.T) {
	names := []string{"status", "run", "listen", "api-key", "browserWindowId"}
	for word, want := range map[string]string{
		"stauts": "status", "api_key": "api-key", "listne": "listen", "xyzzyxyz": "", "buy": "", "rn": "run",
		"STATUS": "status", "browserWindowID": "browserWindowId",
	} {
		if got := Nearest(word, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
