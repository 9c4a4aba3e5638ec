package sandbox

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// LoadRules reads the rules in a file. Its errors name the file.
func LoadRules(path string) (*Rules, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		var rules *Rules
		if rules, err = ParseRules(text); err == nil {
			return rules, nil
		}
	}
	if failure, ok := errors.AsType[*fs.PathError](err); ok {
		err = failure.Err
	}
	return nil, fmt.Errorf("%s: %w", path, err)
}

// NewKey makes a random API key for Options.APIKey.
func NewKey(random io.Reader) (string, error) {
	b := make([]byte, 16)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("sandbox: %w", err)
	}
	return "sandbox-" + hex.EncodeToString(b), nil
}
