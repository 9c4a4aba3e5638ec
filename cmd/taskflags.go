package cmd

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/task"
)

// taskFlags describe a task, the same on every command that submits one.
type taskFlags struct {
	file        string
	promptFile  string
	raw         bool
	mode        string
	session     string
	newSession  bool
	schema      string
	noValidate  bool
	previous    string
	keepChat    bool
	gif         bool
	reasoning   string
	attach      []string
	vars        []string
	jsonVars    []string
	fileVars    []string
	secretVars  []string
	context     []string
	mcp         string
	chatHistory string
	credentials string
	allowEnv    []string
	fields      []string
	dryRun      bool
	curl        bool

	flags *pflag.FlagSet // which of them were given
}

// add adds the flags of a command that submits one task.
func (t *taskFlags) add(cmd *cobra.Command) {
	t.addDefaults(cmd)
	f := cmd.Flags()
	f.StringVar(&t.promptFile, "prompt-file", "", "read the prompt from `file`; - is stdin")
	f.BoolVar(&t.newSession, "new-session", false, "start a cloud browser session for the task, and stop it after (run only)")
	f.BoolVar(&t.curl, "curl", false, "print the request as a curl command, secrets as environment variables, and send nothing")
}

// addDefaults adds the flags that can be for many tasks.
func (t *taskFlags) addDefaults(cmd *cobra.Command) {
	f := cmd.Flags()
	t.flags = f
	f.StringVar(&t.file, "task", "", "read the task from `file` (YAML or JSON); - is stdin; other flags win over it")
	f.String("agent", "", "`agent` that does it: operator, operator-mini, core, core-mini, generalist, or an Agent Studio agent's name")
	f.BoolVar(&t.raw, "raw", false, "send the prompt as typed, without an agent's prefix")
	f.String("window", "", "`ID` of the browser window to run in")
	f.StringVar(&t.mode, "mode", "", "`where` it runs: client, cloud or cloud_browser")
	f.StringVar(&t.session, "cloud-session", "", "`ID` of the cloud browser session to run in")
	f.StringVar(&t.schema, "schema", "", "ask for data that fits the JSON Schema in `file`, and check the answer against it")
	f.BoolVar(&t.noValidate, "no-validate", false, "do not check the answer against the schema")
	f.StringArrayVar(&t.attach, "attach", nil, "upload `file` and attach it")
	f.StringArrayVar(&t.vars, "var", nil, "input variable, as `NAME=TEXT` (repeatable)")
	f.StringArrayVar(&t.jsonVars, "var-json", nil, "input variable, as `NAME=JSON`; JSON may be file:PATH (repeatable)")
	f.StringArrayVar(&t.fileVars, "var-file", nil, "input variable that is a file to upload, as `NAME=PATH` (repeatable)")
	f.StringArrayVar(&t.secretVars, "secret-var", nil, "secret variable, as `NAME=REFERENCE`: env:VARIABLE or file:PATH (repeatable)")
	f.StringArrayVar(&t.context, "context", nil, "additional context, as `NAME=TEXT` (repeatable)")
	f.StringVar(&t.mcp, "mcp", "", "MCP servers that the agent may call: a list in `file` (YAML or JSON)")
	f.StringVar(&t.chatHistory, "chat-history", "", "earlier messages: a list in `file` (YAML or JSON)")
	f.StringVar(&t.credentials, "credentials", "", "credentials by service: an object in `file` (YAML or JSON)")
	f.StringArrayVar(&t.allowEnv, "allow-env", nil, "let files read the environment variable `NAME` for a secret (repeatable)")
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

// previews reports whether the request is to be shown, and not to be sent.
func (t *taskFlags) previews() bool { return t.dryRun || t.curl }

// plan makes a request of the flags, the settings and the prompt, wherever that
// comes from. rest is what the command adds to the task.
func (inv *invocation) plan(t *taskFlags, rest task.Spec, args []string) (*task.Plan, error) {
	file, err := inv.taskFile(t)
	if err != nil {
		return nil, err
	}
	prompt, err := task.ReadPrompt(task.PromptFrom{
		Args: args, File: t.promptFile, StdinTerminal: inv.app.StdinTerminal, Task: file,
	}, &inv.source)
	if err != nil {
		return nil, err
	}
	spec, err := inv.spec(t, rest, file)
	if err != nil {
		return nil, err
	}
	spec.Prompt = prompt
	plan, err := spec.Plan(&inv.source)
	if err != nil {
		return nil, err
	}
	inv.redactor.Hide(plan.Secrets...)
	return plan, nil
}

// taskFile reads --task; nil when there is none.
func (inv *invocation) taskFile(t *taskFlags) (*task.File, error) {
	if t.file == "" {
		return nil, nil
	}
	return task.ReadFile(t.file, &inv.source)
}

// spec is a task as the flags and the settings have it, without a prompt.
func (inv *invocation) spec(t *taskFlags, rest task.Spec, file *task.File) (spec task.Spec, err error) {
	agent, zone, window := inv.settings.Get(config.Agent), inv.settings.Get(config.TimeZone), inv.settings.Get(config.BrowserWindowID)
	if !zone.Set() {
		zone.Text = task.MachineZone(inv.app.getenv)
	}
	if err := checkOrigins(agent, zone); err != nil {
		return spec, err
	}
	spec = rest
	spec.File, spec.Raw = file, t.raw
	spec.Agent, spec.AgentFlag = agent.Text, agent.Layer == config.LayerFlag
	spec.Window, spec.WindowFlag = window.Text, window.Layer == config.LayerFlag
	spec.TimeZone, spec.ZoneFlag = zone.Text, zone.Layer == config.LayerFlag
	spec.Mode, spec.CloudSession, spec.NewSession = t.mode, t.session, t.newSession
	spec.Schema, spec.NoValidate, spec.Previous, spec.Reasoning = t.schema, t.noValidate, t.previous, t.reasoning
	if t.flags.Changed("keep-chat") {
		spec.KeepChat = &t.keepChat
	}
	if t.flags.Changed("gif") {
		spec.GIF = &t.gif
	}
	spec.Attach, spec.Vars, spec.JSONVars, spec.FileVars = t.attach, t.vars, t.jsonVars, t.fileVars
	spec.SecretVars, spec.Context, spec.AllowEnv, spec.Fields = t.secretVars, t.context, t.allowEnv, t.fields
	spec.MCP, spec.ChatHistory, spec.Credentials = t.mcp, t.chatHistory, t.credentials
	spec.TraceContext = inv.app.getenv(task.TraceContextVariable)
	return spec, nil
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

// preview prints the request, and sends nothing.
func (inv *invocation) preview(p *printer, t *taskFlags, plan *task.Plan) error {
	if t.dryRun && t.curl {
		return usageError("leave one of them out", "--dry-run and --curl print the request in two ways")
	}
	if t.newSession {
		inv.talk.Info("dry-run", "cloudBrowserSessionId and browserWindowId are added when the session has been started")
	}
	if t.curl {
		return inv.printCurl(p, plan)
	}
	for _, u := range plan.Uploads {
		inv.talk.Info("dry-run", u.Key()+" is in the place of the key that "+u.Path+" gets when it is uploaded")
	}
	body, err := plan.Request.Masked().MarshalJSON()
	if err != nil {
		return usageError("", "%v", err)
	}
	return p.JSON(body)
}

// printCurl prints the request as a curl command.
func (inv *invocation) printCurl(p *printer, plan *task.Plan) error {
	if p.json {
		return usageError("--dry-run prints the request as JSON", "--curl prints a command, and JSON was asked for")
	}
	command, names, err := plan.Curl(strings.TrimRight(inv.settings.Get(config.BaseURL).Text, "/"))
	if err != nil {
		return usageError("", "%v", err)
	}
	for _, u := range plan.Uploads {
		inv.talk.Info("curl", "$"+u.Key()+" is the key of "+u.Path+", which is to be uploaded first")
	}
	if len(names) > len(plan.Uploads) {
		inv.talk.Info("curl", "secrets are in environment variables; a quotation mark or backslash in one needs a backslash before it")
	}
	return p.Text(command)
}

// callbackFlags say where the cloud sends results to, and what it shows there.
type callbackFlags struct {
	url     string
	secret  string
	headers []string
}

func (c *callbackFlags) addURL(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.url, "callback-url", "", "https `URL` that the cloud sends the result to; listener, or listener:NAME, is the narada listen that runs on this machine")
}

func (c *callbackFlags) addProof(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.secret, "callback-secret", "", "secret in the callback's body, as a `reference`: env:NAME, file:PATH or - (stdin)")
	f.StringArrayVar(&c.headers, "callback-header", nil, "header of the callback, as `'Name: value'`; the value may be env:NAME or file:PATH (repeatable)")
}
