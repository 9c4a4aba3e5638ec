package panics

import (
	"errors"
	"strings"
	"testing"
)

func TestAPanicIsAnErrorWithItsStack(t *testing.T) {
	err := Catch(func() error {
		panic("no such line")
	})
	e, ok := errors.AsType[*Error](err)
	if !ok || err.Error() != "internal error: no such line" || !strings.Contains(string(e.Stack), "TestAPanicIsAnErrorWithItsStack") {
		t.Errorf("got %v", err)
	}
}

func TestWithoutAPanicTheErrorIsThatOfTheFunction(t *testing.T) {
	for _, want := range []error{nil, errors.New("refused")} {
		if err := Catch(func() error { return want }); err != want {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}
