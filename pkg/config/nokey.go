package config

// NoKeyError is that there is no API key for the base URL.
type NoKeyError struct {
	BaseURL  Value
	Withheld Value // the key in force, which is not for that address; may be not set
	profile  string
}

// NoKey returns the error that there is no API key for the base URL. quote quotes a word for
// a shell.
func (s *Settings) NoKey(quote func(string) string) *NoKeyError {
	return &NoKeyError{s.Get(BaseURL), s.Withheld, quote(s.Profile)}
}

func (e *NoKeyError) Error() string {
	text := "no API key for " + e.BaseURL.Text
	if e.BaseURL.Layer != LayerDefault {
		text += ": that address is from " + e.BaseURL.Origin
	}
	if e.Withheld.Set() {
		text += ", and the key from " + e.Withheld.Origin + " is not sent there"
	}
	return text
}

// Hint says how to set a key for that address.
func (e *NoKeyError) Hint() string {
	switch e.BaseURL.Layer {
	case LayerProfile:
		return storeKey(e.profile) + " stores one for the profile"
	case LayerEnvironment:
		return "set NARADA_API_KEY too, or give the address with --base-url"
	}
	return "set NARADA_API_KEY, or store one: " + storeKey("")
}

// ReplaceKey says how to replace the key in force, which the API refused. quote quotes a
// word for a shell.
func (s *Settings) ReplaceKey(quote func(string) string) string {
	switch s.Get(APIKey).Layer {
	case LayerEnvironment:
		return "set NARADA_API_KEY to a new key"
	case LayerProfile:
		return storeKey(quote(s.Profile)) + " stores a new key"
	}
	return storeKey("") + " stores a new key"
}

// storeKey returns the command that stores a key, in a profile unless it is "".
func storeKey(profile string) string {
	if profile != "" {
		profile = "--profile " + profile + " "
	}
	return "narada " + profile + "login"
}
