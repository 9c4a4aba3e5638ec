package network

import (
	"encoding/pem"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
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
	if list, err := ReadCAs(t.Context(), good); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	empty := write("empty.pem", nil)
	if _, err := ReadCAs(t.Context(), empty); err == nil || err.Error() != "no PEM certificate in "+empty {
		t.Errorf("%v", err)
	}
	broken := write("broken.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("no DER")}))
	if _, err := ReadCAs(t.Context(), broken); err == nil || !strings.HasPrefix(err.Error(), broken+": x509: ") {
		t.Errorf("%v", err)
	}
	if _, err := ReadCAs(t.Context(), filepath.Join(dir, "missing.pem")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
