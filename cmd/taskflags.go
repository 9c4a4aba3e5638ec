package cmd

import (
	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/task"
)

// taskFlags describe a task, the same on every command that submits one.
type taskFlags struct {
	promptFile string
	raw        bool
	mode       string
	session    string
	schema     string
	noValidate bool
	previous   string
	keepChat   bool
	gif        bool
	reasoning  string
	fields     []string
	dryRun     bool
}

func (t *taskFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.promptFile, "prompt-file", "", "read the prompt from `file`; - is stdin")
	f.String("agent", "", "`agent` that does it: operator, operator-mini, core, core-mini, generalist, or an Agent Studio agent's name")
	f.BoolVar(&t.raw, "raw", false, "send the prompt as typed, without an agent's prefix")
	f.String("window", "", "`ID` of the browser window to run in")
	f.StringVar(&t.mode, "mode", "", "`where` it runs: client, cloud or cloud_browser")
	f.StringVar(&t.session, "cloud-session", "", "`ID` of the cloud browser session to run in")
	f.StringVar(&t.schema, "schema", "", "ask for data that fits the JSON Schema in `file`, and check the answer against it")
	f.BoolVar(&t.noValidate, "no-validate", false, "do not check the answer against the schema")
	f.StringVar(&t.previous, "previous", "", "continue the conversation of the task with this request `ID`")
	f.BoolVar(&t.keepChat, "keep-chat", false, "do not clear the chat first")
	f.BoolVar(&t.gif, "gif", false, "record the run as a GIF")
	f.StringVar(&t.reasoning, "reasoning", "", "how much a built-in agent thinks: `level` none, low, medium or high")
	f.String("time-zone", "", "time `zone` of the task, as Europe/Berlin")
	f.StringArrayVar(&t.fields, "field", nil, "another field of the request, as `NAME=JSON`; JSON may be file:PATH (repeatable)")
	f.BoolVar(&t.dryRun, "dry-run", false, "print the request, secrets masked, and send nothing")
	for name, values := range map[string][]string{
		"agent":     {"operator", "operator-mini", "core", "core-mini", "generalist"},
		"mode":      {string(narada.ModeClient), string(narada.ModeCloud), string(narada.ModeCloudBrowser)},
		"reasoning": {"none", "low", "medium", "high"},
	} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
}

// plan makes a request of the flags, the settings and the prompt, wherever that
// comes from.
func (s *session) plan(t *taskFlags, callback task.Callback, args []string) (*task.Plan, error) {
	prompt, err := task.ReadPrompt(task.PromptFrom{
		Args: args, File: t.promptFile, StdinTerminal: s.app.StdinTerminal,
	}, &s.source)
	if err != nil {
		return nil, err
	}
	agent, zone := s.settings.Get(config.Agent), s.settings.Get(config.TimeZone)
	if !zone.Set() {
		zone.Text = task.MachineZone(s.app.getenv)
	}
	if err := checkOrigins(agent, zone); err != nil {
		return nil, err
	}
	plan, err := task.Spec{
		Prompt: prompt, Agent: agent.Text, AgentFlag: agent.Layer == config.LayerFlag, Raw: t.raw,
		Window: s.settings.Get(config.BrowserWindowID).Text, Mode: t.mode, CloudSession: t.session,
		Schema: t.schema, Previous: t.previous, KeepChat: t.keepChat, GIF: t.gif,
		Reasoning: t.reasoning, TimeZone: zone.Text, Fields: t.fields, Callback: callback,
	}.Plan(&s.source)
	if err != nil {
		return nil, err
	}
	s.redactor.Hide(plan.Secrets...)
	return plan, nil
}

// checkOrigins finds what is wrong with settings that a flag did not give, and
// names the place that they come from.
func checkOrigins(agent, zone config.Value) error {
	if err := task.CheckAgent(agent.Text); err != nil && agent.Layer != config.LayerFlag {
		return &config.InvalidError{What: agent.Key.Name + " (" + agent.Origin + ")", Err: err}
	}
	if err := task.CheckZone(zone.Text); err != nil && zone.Text != "" && zone.Layer != config.LayerFlag {
		return &config.InvalidError{What: zone.Key.Name + " (" + zone.Origin + ")", Err: err}
	}
	return nil
}

// dryRun prints the request as it would be sent, secrets masked.
func (s *session) dryRun(p *printer, r *narada.Request) error {
	body, err := r.Masked().MarshalJSON()
	if err != nil {
		return usageError("", "%v", err)
	}
	return p.JSON(body)
}

// callbackFlags say where the cloud sends results to, and what it shows there.
type callbackFlags struct {
	url     string
	secret  string
	headers []string
}

func (c *callbackFlags) addURL(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.url, "callback-url", "", "https `URL` that the cloud sends the result to")
}

func (c *callbackFlags) addProof(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.secret, "callback-secret", "", "secret in the callback's body, as a `reference`: env:NAME, file:PATH or - (stdin)")
	f.StringArrayVar(&c.headers, "callback-header", nil, "header of the callback, as `'Name: value'`; the value may be env:NAME or file:PATH (repeatable)")
}
