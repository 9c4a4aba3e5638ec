package config

import (
	"errors"
	"testing"
)

func TestAnUnknownSettingIsAnError(t *testing.T) {
	if key, err := Lookup(Timeout); err != nil || key.Env != "NARADA_TIMEOUT" {
		t.Errorf("%+v, %v", key, err)
	}
	_, err := Lookup("timeuot")
	if unknown, ok := errors.AsType[*UnknownKeyError](err); !ok || unknown.Hint() != "did you mean timeout?" {
		t.Errorf("%v", err)
	}
}
