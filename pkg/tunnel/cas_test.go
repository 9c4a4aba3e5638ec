package tunnel

import (
	"encoding/pem"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

func TestAuthoritiesAreReadFromAFile(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.StartTLS()
	defer server.Close()
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	if pool, err := ReadCAs(t.Context(), good); err != nil || pool == nil {
		t.Errorf("%v, %v", pool, err)
	}
	empty := write("empty.pem", nil)
	if _, err := ReadCAs(t.Context(), empty); err == nil || err.Error() != "no PEM certificate in "+empty {
		t.Errorf("%v", err)
	}
	if _, err := ReadCAs(t.Context(), filepath.Join(dir, "missing.pem")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
