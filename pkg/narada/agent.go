package narada

import (
	"fmt"
	"strings"
)

// builtIn has the names of the built-in agents, by the word that their prompts start with.
var builtIn = map[string]string{
	"":               "generalist",
	"/Operator":      "operator",
	"/OperatorMini":  "operator-mini",
	"/coreAgent":     "core",
	"/CoreAgentMini": "core-mini",
}

// AgentPrefix returns what a prompt for the agent starts with: "/Operator " for operator, ""
// for generalist, "/name " for an agent of Agent Studio.
func AgentPrefix(agent string) (prefix string, isBuiltIn bool) {
	for word, name := range builtIn {
		if name == agent {
			return strings.TrimPrefix(word+" ", " "), true
		}
	}
	return "/" + strings.TrimPrefix(agent, "/") + " ", false
}

// CheckAgent returns an error if name cannot be the name of an agent: 1 to 256 ASCII letters,
// digits and - _ . / @ + $, as in my-agent and $USER/my-agent. A slash before it is no part
// of it.
func CheckAgent(name string) error {
	bare := strings.TrimPrefix(name, "/")
	odd := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_./@+$", r))
	}
	if bare == "" || len(bare) > 256 || strings.ContainsFunc(bare, odd) {
		return fmt.Errorf("%+.60q is not an agent name", name)
	}
	return nil
}

// PromptAgent returns the agent that a prompt is for, by its prefix.
func PromptAgent(prompt string) (agent string, isBuiltIn bool) {
	word, _, _ := strings.Cut(prompt, " ")
	if name, ok := builtIn[word]; ok {
		return name, true
	}
	name, prefixed := strings.CutPrefix(word, "/")
	if !prefixed || CheckAgent(name) != nil {
		return builtIn[""], true
	}
	return name, false
}
