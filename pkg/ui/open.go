package ui

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

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
	host, _, err := net.SplitHostPort(addr)
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

// LoadToken returns the token in the folder. It makes one, which only the user can read, if
// there is none.
func LoadToken(dir string) (string, error) {
	path := filepath.Join(dir, tokenFile)
	content, err := os.ReadFile(path)
	if err == nil && len(strings.TrimSpace(string(content))) >= len(newToken()) {
		return strings.TrimSpace(string(content)), private.Restrict(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := private.MkdirAll(dir); err != nil {
		return "", err
	}
	token := newToken()
	return token, atomicfile.Write(path, []byte(token+"\n"))
}
