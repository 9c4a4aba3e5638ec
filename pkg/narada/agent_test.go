package narada

import "testing"

func TestThePrefixOfAPromptNamesItsAgent(t *testing.T) {
	for agent, prefix := range map[string]string{
		"operator": "/Operator ", "operator-mini": "/OperatorMini ", "core": "/coreAgent ", "core-mini": "/CoreAgentMini ", "generalist": "",
	} {
		if got, isBuiltIn := AgentPrefix(agent); got != prefix || !isBuiltIn {
			t.Errorf("AgentPrefix(%q): %q, %v", agent, got, isBuiltIn)
		}
		if got, isBuiltIn := PromptAgent(prefix + "count"); got != agent || !isBuiltIn {
			t.Errorf("PromptAgent(%q): %q, %v", prefix+"count", got, isBuiltIn)
		}
	}
	for _, agent := range []string{"mine", "/mine"} {
		if got, isBuiltIn := AgentPrefix(agent); got != "/mine " || isBuiltIn {
			t.Errorf("AgentPrefix(%q): %q, %v", agent, got, isBuiltIn)
		}
	}
	for prompt, agent := range map[string]string{"/mine count": "mine", "/operator count": "operator"} {
		if got, isBuiltIn := PromptAgent(prompt); got != agent || isBuiltIn {
			t.Errorf("PromptAgent(%q): %q, %v", prompt, got, isBuiltIn)
		}
	}
	for _, prompt := range []string{"", "/", "/ count", "/a\tb c"} {
		if got, isBuiltIn := PromptAgent(prompt); got != "generalist" || !isBuiltIn {
			t.Errorf("PromptAgent(%q): %q, %v", prompt, got, isBuiltIn)
		}
	}
}
