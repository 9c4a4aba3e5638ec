//go:build unix

package postgres

import (
	"net"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// fake is a server that accepts clients, says its version, and answers nothing more. It
// returns its address.
func fake(t testing.TB, version string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				_ = greet(conn, version)
			})
		}
	})
	t.Cleanup(func() {
		check(t, listener.Close())
		serving.Wait()
	})
	return listener.Addr().String()
}

func greet(conn net.Conn, version string) error {
	server := pgproto3.NewBackend(conn, conn)
	first, err := server.ReceiveStartupMessage()
	if _, ok := first.(*pgproto3.StartupMessage); err != nil || !ok {
		return err
	}
	server.Send(&pgproto3.AuthenticationOk{})
	server.Send(&pgproto3.ParameterStatus{Name: "server_version", Value: version})
	server.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
	server.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if err := server.Flush(); err != nil {
		return err
	}
	for {
		message, err := server.Receive()
		if _, ended := message.(*pgproto3.Terminate); err != nil || ended {
			return err
		}
	}
}

func TestAServerThatIsTooOldIsRefused(t *testing.T) {
	for version, want := range map[string]string{
		"14.9": "PostgreSQL 14.9 is too old: 15 or later is needed", "9.6.24": "PostgreSQL 9.6.24 is too old: 15 or later is needed",
		"14.9 (Debian 14.9-1)": "PostgreSQL 14.9 (Debian 14.9-1) is too old: 15 or later is needed",
	} {
		address := fake(t, version)
		same(t, version, described{Message: "the store db on " + address + ": " + want}, describe(failure(t, Options{URL: "postgres://u@" + address + "/db?sslmode=disable"})))
	}
	for version, want := range map[string]int{"15.18 (Debian 15.18-0)": 15, "16beta1": 16, "18devel": 18} {
		if got := majorVersion(version); got != want {
			t.Errorf("%s is %d", version, got)
		}
	}
}

func TestAServerThatDoesNotAnswerIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	address := fake(t, "15.1")
	want := described{Message: "the store db on " + address + ": it does not answer", Hint: "narada doctor", Unreachable: true, Temporary: true}
	same(t, "failure", want, describe(failure(t, Options{URL: "postgres://u@" + address + "/db?sslmode=disable"})))
}
