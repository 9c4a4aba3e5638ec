package config

import "strings"

// Lookup returns the key of a name. The error is an *UnknownKeyError.
func Lookup(name string) (Key, error) {
	key, ok := FindKey(name)
	if !ok {
		return key, &UnknownKeyError{Name: name}
	}
	return key, nil
}

// Invalid returns the error that the value cannot be used. It names the value's origin.
func (v Value) Invalid(err error) error {
	if flag, ok := strings.CutPrefix(v.Origin, "flag "); ok {
		return &InvalidError{What: flag, Err: err}
	}
	return &InvalidError{What: v.Key.Name + " (" + v.Origin + ")", Err: err}
}

// CheckOrigin checks a value that is set, and not by a flag, for whose errors the caller
// has its own words. The error is an *InvalidError.
func (v Value) CheckOrigin(check func(string) error) error {
	if !v.Set() || v.Layer == LayerFlag {
		return nil
	}
	if err := check(v.Text); err != nil {
		return v.Invalid(err)
	}
	return nil
}
