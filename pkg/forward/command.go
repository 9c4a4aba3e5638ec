package forward

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/private"
	"github.com/narada-cli/narada/pkg/secret"
)

// commandPrefix starts the name of a command, as it starts no URL.
const commandPrefix = "-- "

// IsCommand reports whether target is the name of a command.
func IsCommand(target string) bool { return strings.HasPrefix(target, commandPrefix) }

// Command is a target that runs once for each callback, one at a time. It gets the
// callback, without the secret, on stdin, and CALLBACK_REQUEST_ID and CALLBACK_STATUS in
// its environment.
//
// It does not run twice at once, even if this process is killed. On Unix systems it inherits a
// lock, for which the next listener waits until the command, and what it has started, ends. On
// Windows these end with this process.
type Command struct {
	Words          []string // the command and its arguments
	Line           string   // the same, quoted for a shell
	Dir            string
	Environ        []string // as WithoutSecrets returns it
	Stdout, Stderr io.Writer
	State          string // folder of narada's state, where the lock is

	Report func(Event)
}

// Find returns an error if there is no such command.
func (c *Command) Find() error {
	_, err := exec.LookPath(c.Words[0])
	if notFound, ok := errors.AsType[*exec.Error](err); ok {
		return notFound.Err // without the name
	}
	return err
}

// Name implements Target.
func (c *Command) Name() string { return commandPrefix + c.Line }

// Concurrency implements Target.
func (c *Command) Concurrency() int { return 1 }

// GracePeriod implements Target.
func (c *Command) GracePeriod() time.Duration { return closeLimit }

// Forward implements Target.
func (c *Command) Forward(ctx, stop context.Context, _ http.Header, body []byte, _ func(Result)) (Result, error) {
	r, _, err := narada.ParseCallback(body)
	if err != nil {
		return Result{}, err
	}
	lock, err := c.lock(stop)
	if err != nil {
		return Result{}, err
	}
	defer unlock(lock)
	command := exec.CommandContext(ctx, c.Words[0], c.Words[1:]...)
	command.Dir = c.Dir
	command.Stdin = bytes.NewReader(append(bytes.Clone(bytes.TrimSpace(r.Raw())), '\n'))
	command.Stdout, command.Stderr = c.Stdout, c.Stderr
	command.Env = append(slices.Clone(c.Environ), "CALLBACK_REQUEST_ID="+r.RequestID, "CALLBACK_STATUS="+string(r.Status))
	command.ExtraFiles = inherited(lock)
	command.WaitDelay = time.Second // for processes that inherited its streams
	group, failure := startGroup(command)
	defer group.release()
	if failure == nil {
		failure = command.Wait()
	}
	if ctx.Err() != nil {
		_ = group.kill() // it may be empty
	}
	switch {
	case failure == nil, errors.Is(failure, exec.ErrWaitDelay): // exit status 0
		return Result{Attempts: 1}, nil
	case ctx.Err() != nil || stop.Err() != nil: // a signal to us may have ended it
		return Result{}, deliver.ErrStopped
	}
	return Result{Attempts: 1, Failure: failure.Error(), Permanent: true}, nil
}

// lockInterval is how often the lock of a command is tried.
const lockInterval = 50 * time.Millisecond

// lock waits until no command of this target runs. The error is deliver.ErrStopped if stop
// ends before.
func (c *Command) lock(stop context.Context) (*os.File, error) {
	folder := filepath.Join(c.State, "commands")
	if err := private.MkdirAll(folder); err != nil {
		return nil, err
	}
	path := filepath.Join(folder, fmt.Sprintf("%x.lock", sha256.Sum256([]byte(c.Name()))))
	reported := false
	for start := time.Now(); ; {
		lock, ok, err := tryLock(path)
		if ok || err != nil {
			return lock, err
		}
		if !reported && time.Since(start) > quietLimit {
			reported = true
			c.Report(CommandBusy{c.Name()})
		}
		select {
		case <-time.After(lockInterval):
		case <-stop.Done():
			return nil, deliver.ErrStopped
		}
	}
}

// minPart is the minimum length in bytes of a value that is taken for a part of a secret: a
// shorter one, such as that of USER or TERM, may be in it by chance.
const minPart = 8

// WithoutSecrets returns the environment without the variables of these names, and without
// those whose value is one of the secrets or a part of one, or contains one in any form that
// a secret.Masker finds, such as a token without its scheme.
func WithoutSecrets(environ, names []string, secrets []secret.String) []string {
	masker := secret.NewMasker()
	masker.Hide(secrets...)
	return slices.DeleteFunc(slices.Clone(environ), func(variable string) bool {
		name, value, _ := strings.Cut(variable, "=")
		return slices.Contains(names, name) || masker.Mask(value) != value || slices.ContainsFunc(secrets, func(s secret.String) bool {
			return value != "" && value == s.Reveal() || len(value) >= minPart && strings.Contains(s.Reveal(), value)
		})
	})
}
