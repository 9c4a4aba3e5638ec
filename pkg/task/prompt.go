package task

import (
	"errors"
	"strings"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/textfile"
)

// maxPrompt is the maximum size of a prompt in bytes.
const maxPrompt = 4 << 20

// PromptFrom lists the sources of a prompt.
type PromptFrom struct {
	Args          []string // the command's arguments
	File          string   // --prompt-file
	StdinTerminal bool     // standard input is a terminal: read it only for -
	Task          *File    // --task; nil: none
}

// ReadPrompt returns the prompt: the argument, else the file, else "" for that of the task
// file, else standard input, which is also -. Standard input is not touched if the prompt
// comes from elsewhere.
func ReadPrompt(from PromptFrom, source *secret.Source) (string, error) {
	given := len(from.Args) > 0 || from.File != ""
	switch {
	case len(from.Args) > 1:
		return "", inputError(`put the prompt in quotes: "`+strings.Join(from.Args, " ")+`"`, "expected one PROMPT, got %d arguments", len(from.Args))
	case len(from.Args) == 1 && from.File != "":
		return "", inputError("use one of them", "PROMPT and --prompt-file cannot be used together")
	case len(from.Args) == 1 && from.Args[0] != "-":
		return checkPrompt(from.Args[0])
	case from.File != "" && from.File != "-":
		text, err := readInput(from.File, maxPrompt, source)
		if err != nil {
			return "", inputError("", "--prompt-file: %v", err)
		}
		return checkPrompt(text)
	case !given && from.Task != nil && from.Task.Prompt != "":
		return "", nil
	case !given && from.StdinTerminal:
		return "", inputError(`narada run "count the open issues of cli/cli"`, "no prompt")
	}
	return promptFromStdin(source)
}

func promptFromStdin(source *secret.Source) (string, error) {
	text, err := readInput("-", maxPrompt, source)
	if err == nil && strings.TrimSpace(text) == "" {
		err = errors.New("stdin is empty")
	}
	if err != nil {
		return "", inputError("pass the prompt as an argument or with --prompt-file", "no prompt: %v", err)
	}
	return checkPrompt(text)
}

func checkPrompt(text string) (string, error) {
	text = strings.TrimRight(text, "\r\n")
	if strings.TrimSpace(text) == "" {
		return "", inputError("", "the prompt is empty")
	}
	if err := textfile.Check(text); err != nil {
		return "", inputError("", "the prompt is %v", err)
	}
	return text, nil
}

// prompt adds the agent's prefix to the prompt. The prompt of a task file has its own,
// unless --agent is set.
func (s Spec) prompt() (string, error) {
	prompt, raw := s.Prompt, s.Raw
	if prompt == "" && s.File != nil {
		prompt, raw = s.File.Prompt, s.Raw || !s.AgentFlag
	}
	if raw {
		if s.AgentFlag {
			return "", inputError("use one of them", "--raw and --agent cannot be used together")
		}
		return prompt, nil
	}
	if err := narada.CheckAgent(s.Agent); err != nil {
		return "", inputError("operator, operator-mini, core, core-mini, generalist, or the name of an Agent Studio agent", "--agent: %v", err)
	}
	want, _ := narada.AgentPrefix(s.Agent)
	agent, isBuiltIn := narada.PromptAgent(prompt)
	has, _, _ := strings.Cut(prompt, " ")
	switch {
	case !isBuiltIn || agent == "generalist": // whose prompts have no prefix
		return want + prompt, nil
	case strings.TrimSpace(strings.TrimPrefix(prompt, has)) == "":
		return "", inputError("", "the prompt is empty after %s", has)
	case s.AgentFlag && has != strings.TrimSpace(want):
		return "", inputError("use one of them, or send the prompt unchanged with --raw",
			"the prompt starts with %s, but --agent is %s", has, s.Agent)
	}
	return prompt, nil
}

// named returns the Agent Studio agent of the prompt, "" if the agent is built in or
// unknown.
func (s Spec) named(prompt string) string {
	agent, isBuiltIn := narada.PromptAgent(prompt)
	_, builtInFlag := narada.AgentPrefix(s.Agent)
	if s.Raw || isBuiltIn || s.Prompt != "" && builtInFlag { // then a slash is part of the prompt
		return ""
	}
	return agent
}
