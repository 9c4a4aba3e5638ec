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

func TestErrorsMapToExitCodes(t *testing.T) {
	status := func(code int) error { return &narada.APIError{StatusCode: code} }
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		err  error
		code int
	}{
		"an exit code of its own":          {&exitError{code: codeMismatch, err: &task.InputError{}}, codeMismatch},
		"input":                            {&task.InputError{}, codeUsage},
		"a setting":                        {&config.InvalidError{Err: broken}, codeUsage},
		"an unknown setting":               {&config.UnknownKeyError{}, codeUsage},
		"options of an endpoint":           {&tunnel.UsageError{}, codeUsage},
		"an endpoint":                      {&tunnel.Error{}, codeEndpoint},
		"unfinished":                       {&await.UnfinishedError{ID: "req_1", Cause: &timeLimitError{}}, codeUnfinished},
		"unfinished without an ID":         {&await.UnfinishedError{Cause: status(401)}, codeUnknown},
		"unauthorized":                     {status(401), codeUnauthorized},
		"forbidden":                        {status(403), codeUnauthorized},
		"unauthorized dispatch":            {&narada.DispatchError{Err: status(401)}, codeUnauthorized},
		"dispatch without an answer":       {&narada.DispatchError{Maybe: true, Err: status(502)}, codeUnknown},
		"session without an answer":        {&narada.SessionError{Maybe: true, Err: broken}, codeUnknown},
		"refused":                          {&narada.DispatchError{Err: status(422)}, codeRefused},
		"refused by the storage":           {&narada.StorageError{StatusCode: 403}, codeRefused},
		"session that has ended":           {fmt.Errorf("stop: %w", narada.ErrNotStopped), codeRefused},
		"temporary failure":                {status(503), codeUnreachable},
		"dispatch that was not sent":       {&narada.DispatchError{Err: broken}, codeUnreachable},
		"session that did not start":       {&narada.SessionError{Err: broken}, codeUnreachable},
		"invalid answer":                   {&narada.AnswerError{}, codeUnreachable},
		"temporary failure of the storage": {&narada.StorageError{StatusCode: 503}, codeUnreachable},
		"another error":                    {broken, codeUnexpected},
		"another error, wrapped":           {fmt.Errorf("req_1: %w", broken), codeUnexpected},
	} {
		if got := exitCode(tt.err); got != tt.code {
			t.Errorf("%s: %d, want %d", name, got, tt.code)
		}
	}
}
