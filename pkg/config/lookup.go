package config

// Lookup returns the key of a name. The error is an *UnknownKeyError.
func Lookup(name string) (Key, error) {
	key, ok := FindKey(name)
	if !ok {
		return key, &UnknownKeyError{Name: name}
	}
	return key, nil
}
