package cmd

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/term"
)

// onCallback runs a command for each callback of a listen command.
type onCallback struct {
	inv     *invocation
	ledger  *sqlite.Store
	words   []string
	environ []string

	hard context.Context // its end kills the command
	stop <-chan struct{}
}

// newOnCallback finds the command.
func (inv *invocation) newOnCallback(words []string) (*onCallback, error) {
	if _, err := exec.LookPath(words[0]); err != nil {
		if notFound, ok := errors.AsType[*exec.Error](err); ok {
			err = notFound.Err
		}
		return nil, usageError("", "%s: %v", words[0], err)
	}
	return &onCallback{inv: inv, words: words}, nil
}

// name implements onwardTarget.
func (c *onCallback) name() string {
	quoted := make([]string, len(c.words))
	for i, word := range c.words {
		quoted[i] = output.ShellWord(word)
	}
	return commandPrefix + strings.Join(quoted, " ")
}

// commandPrefix is what the name of a target in the ledger begins with that is a
// command: no URL does.
const commandPrefix = "-- "

// begin implements onwardTarget.
func (c *onCallback) begin(l *sqlite.Store, hard context.Context, stop <-chan struct{}) {
	c.ledger, c.hard, c.stop = l, hard, stop
}

// workers implements onwardTarget: one command runs at a time.
func (c *onCallback) workers() int { return 1 }

// patience implements onwardTarget.
func (c *onCallback) patience() time.Duration { return closeLimit }

// hand implements onwardTarget.
func (c *onCallback) hand(f store.Forward) (store.Forward, error) {
	d, ok, err := c.ledger.Callback(context.Background(), f.Seq)
	if err != nil {
		return f, err
	}
	if !ok {
		f.State, f.Failure, f.EndedAt = store.ForwardFailed, "it is no longer in the ledger", time.Now()
		return f, nil
	}
	r, _, err := narada.ParseCallback(d.Body)
	if err != nil {
		return f, err
	}
	command := exec.CommandContext(c.hard, c.words[0], c.words[1:]...)
	command.Dir = c.inv.app.Dir
	command.Stdin = bytes.NewReader(append(bytes.Clone(bytes.TrimSpace(r.Raw())), '\n'))
	command.Stdout, command.Stderr = c.inv.app.Stdout, c.inv.app.Stderr
	command.Env = append(slices.Clone(c.environ), "CALLBACK_REQUEST_ID="+r.RequestID, "CALLBACK_STATUS="+string(r.Status))
	command.WaitDelay = time.Second // for those who have inherited its streams
	inOwnGroup(command)
	failure := command.Run()
	if c.hard.Err() != nil {
		killGroup(command)
	}
	if errors.Is(failure, exec.ErrWaitDelay) {
		failure = nil // it has ended well, and somebody has its streams
	}
	if failure != nil && c.interrupted() {
		return f, deliver.ErrStopped
	}
	f.State, f.Attempts, f.EndedAt = store.ForwardDelivered, 1, time.Now()
	if failure != nil {
		f.State, f.Failure = store.ForwardFailed, failure.Error()
		return f, nil
	}
	c.inv.talk.Detail("ran", c.words[0]+" has dealt with "+term.OneLine(f.RequestID))
	return f, nil
}

// interrupted reports whether the command may have been ended with us, before its time.
func (c *onCallback) interrupted() bool {
	select {
	case <-c.stop:
		return true
	case <-c.hard.Done():
		return true
	default:
		return false
	}
}

// withoutSecrets are the variables of the environment that have none of the secrets
// in them, by whatever name.
func withoutSecrets(environ []string, secrets []secret.String) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(variable string) bool {
		name, value, _ := strings.Cut(variable, "=")
		for _, key := range config.Keys() {
			if key.Secret && key.Env == name {
				return true
			}
		}
		return slices.ContainsFunc(secrets, func(s secret.String) bool { return !s.Empty() && strings.Contains(value, s.Reveal()) })
	})
}
