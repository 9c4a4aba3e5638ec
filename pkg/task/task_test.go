package task

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/secret"
)

func TestPromptStartsWithTheAgentsPrefix(t *testing.T) {
	tests := []struct {
		name string
		spec Spec
		want string
		err  string
	}{
		{"operator", Spec{Prompt: "x", Agent: "operator"}, "/Operator x", ""},
		{"operator-mini", Spec{Prompt: "x", Agent: "operator-mini"}, "/OperatorMini x", ""},
		{"core", Spec{Prompt: "x", Agent: "core"}, "/coreAgent x", ""},
		{"core-mini", Spec{Prompt: "x", Agent: "core-mini"}, "/CoreAgentMini x", ""},
		{"generalist", Spec{Prompt: "x", Agent: "generalist"}, "x", ""},
		{"named", Spec{Prompt: "x", Agent: "$USER/mine"}, "/$USER/mine x", ""},
		{"name with a slash", Spec{Prompt: "x", Agent: "/mine"}, "/mine x", ""},
		{"prefix of the agent", Spec{Prompt: "/Operator x", Agent: "operator", AgentFlag: true}, "/Operator x", ""},
		{"prefix of another agent, no flag", Spec{Prompt: "/coreAgent x", Agent: "operator"}, "/coreAgent x", ""},
		{"prefix of another agent than the flag", Spec{Prompt: "/coreAgent x", Agent: "operator", AgentFlag: true}, "", "the prompt starts with /coreAgent"},
		{"/OperatorMini is not /Operator", Spec{Prompt: "/OperatorMini x", Agent: "operator-mini", AgentFlag: true}, "/OperatorMini x", ""},
		{"generalist by flag", Spec{Prompt: "/Operator x", Agent: "generalist", AgentFlag: true}, "", "starts with /Operator"},
		{"unknown prefix", Spec{Prompt: "/other x", Agent: "operator"}, "/Operator /other x", ""},
		{"raw", Spec{Prompt: "/other x", Agent: "operator", Raw: true}, "/other x", ""},
		{"prefix alone", Spec{Prompt: "/Operator", Agent: "operator"}, "", "empty after /Operator"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.spec.prompt()
			if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestPromptHasOneSource(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "prompt.txt")
	if err := os.WriteFile(file, []byte("\ufefffrom a file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		from  PromptFrom
		stdin string
		want  string
		err   string
	}{
		{"argument, stdin not read", PromptFrom{Args: []string{"arg"}}, "stdin", "arg", ""},
		{"pipe", PromptFrom{}, "stdin\n\n", "stdin", ""},
		{"dash", PromptFrom{Args: []string{"-"}, StdinTerminal: true}, "typed\n", "typed", ""},
		{"file", PromptFrom{File: file}, "stdin", "from a file", ""},
		{"file is stdin", PromptFrom{File: "-"}, "stdin", "stdin", ""},
		{"lines inside are kept", PromptFrom{}, "a\n\nb\n", "a\n\nb", ""},
		{"terminal", PromptFrom{StdinTerminal: true}, "", "", "no prompt"},
		{"blank argument", PromptFrom{Args: []string{" \n"}}, "", "", "the prompt is empty"},
		{"NUL", PromptFrom{}, "a\x00b", "", "not UTF-8 text"},
		{"invalid UTF-8", PromptFrom{Args: []string{"caf\xe9"}}, "", "", "not UTF-8 text"},
		{"huge", PromptFrom{}, strings.Repeat("x", maxPrompt+1), "", "larger than 4 MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ReadPrompt(tt.from, &secret.Source{Stdin: strings.NewReader(tt.stdin)})
			if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestCredentialsAreReadFromFlags(t *testing.T) {
	source := &secret.Source{Lookup: func(name string) (string, bool) { return "from-env", name == "TOKEN" }}
	c, warnings, err := ReadCredentials("--callback-header", "env:TOKEN", []string{"Authorization: env:TOKEN", "X-Plain:yes ", "Cookie: a=b"}, source)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(http.Header{"Authorization": {"from-env"}, "X-Plain": {"yes"}, "Cookie": {"a=b"}}, c.Header()); diff != "" || c.Secret().Reveal() != "from-env" {
		t.Errorf("%q, %s", c.Secret().Reveal(), diff)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "Cookie") || strings.Contains(warnings[0], "a=b") || len(c.Secrets()) != 3 {
		t.Errorf("%q, %d secrets", warnings, len(c.Secrets()))
	}
	for _, tt := range []struct{ secret, header, want, hint string }{
		{"literal-s3cr3t", "", "--callback-secret: " + secret.ErrLiteral.Error(), ""},
		{"", "literal-s3cr3t", "--forward-header: expected NAME: VALUE", "write it as --forward-header 'Authorization: env:NAME'"},
		{"", "X-A: env:NOPE", "--forward-header: X-A: environment variable NOPE is not set", ""},
	} {
		var headers []string
		if tt.header != "" {
			headers = []string{tt.header}
		}
		_, _, err := ReadCredentials("--forward-header", tt.secret, headers, source)
		if input, ok := errors.AsType[*InputError](err); !ok || input.Text != tt.want || input.Next != tt.hint {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}

func TestMachineZoneIsAnIANAName(t *testing.T) {
	for tz, want := range map[string]string{"Asia/Tokyo": "Asia/Tokyo", ":Asia/Tokyo": "Asia/Tokyo"} {
		if got := MachineZone(func(string) string { return tz }); got != want {
			t.Errorf("TZ=%s: %q", tz, got)
		}
	}
	if got := MachineZone(func(string) string { return "" }); (got != "" || runtime.GOOS == "windows") && CheckZone(got) != nil {
		t.Errorf("got %q", got)
	}
	for _, bad := range []string{"", "Local", "Mars/Olympus", "../etc/passwd"} {
		if CheckZone(bad) == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestJSONErrorsNameThePlace(t *testing.T) {
	err := checkJSON("{\n  \"a\": tru\n}")
	if err == nil || !strings.Contains(err.Error(), "(line 2, column ") {
		t.Errorf("got %v", err)
	}
	if err := checkJSON("\"caf\xe9\""); err == nil || err.Error() != "not UTF-8 text" {
		t.Errorf("got %v", err)
	}
}
