package ui

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/atomicfile"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/oserr"
	"github.com/narada-cli/narada/pkg/private"
)

// DefaultAddr is where the page is unless another address is chosen.
const DefaultAddr = "127.0.0.1:4141"

// AddressError says that the page cannot be served at an address.
type AddressError struct {
	Addr        string
	Malformed   bool // it is not HOST:PORT
	NotLoopback bool
	InUse       bool
	Err         error
}

func (e *AddressError) Error() string {
	switch {
	case e.Malformed:
		return e.Addr + " is not HOST:PORT"
	case e.NotLoopback:
		return e.Addr + " is not a loopback address: the page is for this machine only"
	case e.InUse:
		return e.Addr + " is in use"
	}
	return e.Err.Error()
}

// Unwrap returns why.
func (e *AddressError) Unwrap() error { return e.Err }

// Listen opens a loopback address HOST:PORT; port 0 is a free one. The error is an
// *AddressError.
func Listen(addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return nil, &AddressError{Addr: addr, Malformed: true, Err: err}
	}
	if !narada.IsLoopback(host) {
		return nil, &AddressError{Addr: addr, NotLoopback: true}
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, &AddressError{Addr: addr, InUse: oserr.AddressInUse(err), Err: err}
	}
	return l, nil
}

// ListenNear is Listen, with a free port where that of the address is in use.
func ListenNear(addr string) (net.Listener, error) {
	l, err := Listen(addr)
	if e, ok := errors.AsType[*AddressError](err); ok && e.InUse {
		host, _, _ := net.SplitHostPort(addr)
		return Listen(net.JoinHostPort(host, "0"))
	}
	return l, err
}

// tokenFile is where the token is kept, so that bookmarks keep working.
const tokenFile = "ui-token"

// tokenLimit is how long another process may take to write the token that it has made.
const tokenLimit = time.Second

// LoadToken returns the token in the folder. It makes one, which only the user can read, if
// there is none; of several processes that do, all return the same.
func LoadToken(dir string) (string, error) {
	if err := private.MkdirAll(dir); err != nil {
		return "", err
	}
	path, token := filepath.Join(dir, tokenFile), newToken()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		content, err := os.ReadFile(path)
		known := strings.TrimSpace(string(content))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if err := writeNew(path, token+"\n"); !errors.Is(err, fs.ErrExist) {
				return token, err
			}
		case err != nil:
			return "", err
		case len(known) >= len(token):
			return known, private.Restrict(path)
		case time.Since(began) > tokenLimit: // the process was killed
			return token, atomicfile.Write(path, []byte(token+"\n"))
		}
	}
}

// writeNew writes a file that there is not yet.
func writeNew(path, content string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = private.Restrict(path)
	if err == nil {
		_, err = f.WriteString(content)
	}
	return errors.Join(err, f.Close())
}
