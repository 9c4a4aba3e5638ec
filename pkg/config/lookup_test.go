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

func TestAnInvalidValueIsNamedWithItsOrigin(t *testing.T) {
	broken := errors.New("broken")
	check := func(string) error { return broken }
	v := Value{Key: Key{Name: Agent}, Text: "x", Layer: LayerEnvironment, Origin: "environment NARADA_AGENT"}
	if err := v.CheckOrigin(check); !errors.Is(err, broken) || err.Error() != "agent (environment NARADA_AGENT): broken" {
		t.Errorf("%v", err)
	}
	if err := v.CheckOrigin(func(string) error { return nil }); err != nil {
		t.Error(err)
	}
	flag, none := v, v
	flag.Layer, none.Text = LayerFlag, ""
	for _, v := range []Value{flag, none} {
		if err := v.CheckOrigin(check); err != nil {
			t.Error(err)
		}
	}
}
