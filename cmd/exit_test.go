package cmd

import (
	"errors"
	"fmt"
	"testing"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/tunnel"
)

func TestKindOfAnErrorGivesTheExitCode(t *testing.T) {
	status := func(code int) error { return &narada.APIError{StatusCode: code} }
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		err  error
		code int
	}{
		"its own":                     {&exitError{code: codeMismatch, err: &task.InputError{}}, codeMismatch},
		"input":                       {&task.InputError{}, codeUsage},
		"a setting":                   {&config.InvalidError{Err: broken}, codeUsage},
		"no setting":                  {&config.UnknownKeyError{}, codeUsage},
		"how an endpoint is asked":    {&tunnel.UsageError{}, codeUsage},
		"an endpoint":                 {&tunnel.Error{}, codeEndpoint},
		"unfinished":                  {&await.UnfinishedError{ID: "req_1", Cause: &timeLimitError{}}, codeUnfinished},
		"unfinished without an ID":    {&await.UnfinishedError{Cause: status(401)}, codeUnknown},
		"unauthorized":                {status(401), codeUnauthorized},
		"forbidden":                   {status(403), codeUnauthorized},
		"unauthorized dispatch":       {&narada.DispatchError{Err: status(401)}, codeUnauthorized},
		"dispatch that may be lost":   {&narada.DispatchError{Maybe: true, Err: status(502)}, codeUnknown},
		"session that may be lost":    {&narada.SessionError{Maybe: true, Err: broken}, codeUnknown},
		"refused":                     {&narada.DispatchError{Err: status(422)}, codeRefused},
		"refused by the storage":      {&narada.StorageError{StatusCode: 403}, codeRefused},
		"session that was not there":  {fmt.Errorf("stop: %w", narada.ErrNotStopped), codeRefused},
		"busy":                        {status(503), codeUnreachable},
		"dispatch that was not sent":  {&narada.DispatchError{Err: broken}, codeUnreachable},
		"session that did not start":  {&narada.SessionError{Err: broken}, codeUnreachable},
		"an answer that is none":      {&narada.AnswerError{}, codeUnreachable},
		"storage that is busy":        {&narada.StorageError{StatusCode: 503}, codeUnreachable},
		"something else":              {broken, codeUnexpected},
		"something else, with a task": {fmt.Errorf("req_1: %w", broken), codeUnexpected},
	} {
		if got := exitCode(tt.err); got != tt.code {
			t.Errorf("%s: %d, want %d", name, got, tt.code)
		}
	}
}
