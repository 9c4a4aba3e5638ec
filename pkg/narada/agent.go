package narada

import "strings"

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

// PromptAgent returns the agent that a prompt is for, by its prefix.
func PromptAgent(prompt string) (agent string, isBuiltIn bool) {
	word, _, _ := strings.Cut(prompt, " ")
	if name, ok := builtIn[word]; ok {
		return name, true
	}
	name, prefixed := strings.CutPrefix(word, "/")
	if !prefixed || name == "" || strings.ContainsAny(name, "\t\r\n") {
		return builtIn[""], true
	}
	return name, false
}
