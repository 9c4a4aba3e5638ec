package cmd

import (
	"cmp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/task"
)

// taskFlags describe a task, the same on every command that submits one. Most set the
// Spec; what the command itself knows of the task, it puts there before it plans.
type taskFlags struct {
	task.Spec
	file       string
	promptFile string
	keepChat   bool
	gif        bool
	dryRun     bool
	curl       bool

	flags *pflag.FlagSet // which of them were given
}

// add adds the flags of a command that submits one task.
func (t *taskFlags) add(cmd *cobra.Command) {
	t.addDefaults(cmd)
	f := cmd.Flags()
	f.StringVar(&t.promptFile, "prompt-file", "", "read the prompt from `file`; - is stdin")
	f.BoolVar(&t.NewSession, "new-session", false, "start a cloud browser session for the task, and stop it after (run only)")
	f.BoolVar(&t.curl, "curl", false, "print the request as a curl command, secrets as environment variables, and send nothing")
}

// addDefaults adds the flags that can be for many tasks.
func (t *taskFlags) addDefaults(cmd *cobra.Command) {
	f := cmd.Flags()
	t.flags = f
	f.StringVar(&t.file, "task", "", "read the task from `file` (YAML or JSON); - is stdin; other flags win over it")
	settingFlag(f, "agent", config.Agent, "`agent` that does it: operator, operator-mini, core, core-mini, generalist, or an Agent Studio agent's name")
	f.BoolVar(&t.Raw, "raw", false, "send the prompt as typed, without an agent's prefix")
	settingFlag(f, "window", config.BrowserWindowID, "`ID` of the browser window to run in")
	f.StringVar(&t.Mode, "mode", "", "`where` it runs: client, cloud or cloud_browser")
	f.StringVar(&t.CloudSession, "cloud-session", "", "`ID` of the cloud browser session to run in")
	f.StringVar(&t.Schema, "schema", "", "ask for data that fits the JSON Schema in `file`, and check the answer against it")
	f.BoolVar(&t.NoValidate, "no-validate", false, "do not check the answer against the schema")
	f.StringArrayVar(&t.Attach, "attach", nil, "upload `file` and attach it")
	f.StringArrayVar(&t.Vars, "var", nil, "input variable, as `NAME=TEXT` (repeatable)")
	f.StringArrayVar(&t.JSONVars, "var-json", nil, "input variable, as `NAME=JSON`; JSON may be file:PATH (repeatable)")
	f.StringArrayVar(&t.FileVars, "var-file", nil, "input variable that is a file to upload, as `NAME=PATH` (repeatable)")
	f.StringArrayVar(&t.SecretVars, "secret-var", nil, "secret variable, as `NAME=REFERENCE`: env:VARIABLE or file:PATH (repeatable)")
	f.StringArrayVar(&t.Context, "context", nil, "additional context, as `NAME=TEXT` (repeatable)")
	f.StringVar(&t.MCP, "mcp", "", "MCP servers that the agent may call: a list in `file` (YAML or JSON)")
	f.StringVar(&t.ChatHistory, "chat-history", "", "earlier messages: a list in `file` (YAML or JSON)")
	f.StringVar(&t.Credentials, "credentials", "", "credentials by service: an object in `file` (YAML or JSON)")
	f.StringArrayVar(&t.AllowEnv, "allow-env", nil, "let files read the environment variable `NAME` for a secret (repeatable)")
	f.StringVar(&t.Previous, "previous", "", "continue the conversation of the task with this request `ID`")
	f.BoolVar(&t.keepChat, "keep-chat", false, "do not clear the chat first")
	f.BoolVar(&t.gif, "gif", false, "record the run as a GIF")
	f.StringVar(&t.Reasoning, "reasoning", "", "how much a built-in agent thinks: `level` none, low, medium or high")
	settingFlag(f, "time-zone", config.TimeZone, "time `zone` of the task, as Europe/Berlin")
	f.StringArrayVar(&t.Fields, "field", nil, "another field of the request, as `NAME=JSON`; JSON may be file:PATH (repeatable)")
	f.BoolVar(&t.dryRun, "dry-run", false, "print the request, secrets masked, and send nothing")
	fixed(cmd, "agent", "operator", "operator-mini", "core", "core-mini", "generalist")
	fixed(cmd, "mode", string(narada.ModeClient), string(narada.ModeCloud), string(narada.ModeCloudBrowser))
	fixed(cmd, "reasoning", "none", "low", "medium", "high")
}

// previews reports whether the request is to be shown, and not to be sent.
func (t *taskFlags) previews() bool { return t.dryRun || t.curl }

// plan makes a request of the flags, the settings and the prompt, wherever that
// comes from.
func (t *taskFlags) plan(inv *invocation, args []string) (*task.Plan, error) {
	spec, err := t.spec(inv)
	if err != nil {
		return nil, err
	}
	spec.Prompt, err = task.ReadPrompt(task.PromptFrom{
		Args: args, File: t.promptFile, StdinTerminal: inv.app.StdinTerminal, Task: spec.File,
	}, &inv.source)
	if err != nil {
		return nil, err
	}
	plan, err := spec.Plan(&inv.source)
	if err != nil {
		return nil, err
	}
	inv.masker.Hide(plan.Secrets...)
	return plan, nil
}

// spec is a task as the flags, the task file and the settings have it, without a
// prompt.
func (t *taskFlags) spec(inv *invocation) (spec task.Spec, err error) {
	spec = t.Spec
	if t.file != "" {
		if spec.File, err = task.ReadFile(t.file, &inv.source); err != nil {
			return spec, err
		}
	}
	agent, zone, window := inv.settings.Get(config.Agent), inv.settings.Get(config.TimeZone), inv.settings.Get(config.BrowserWindowID)
	if !zone.Set() {
		zone.Text = task.MachineZone(inv.app.getenv)
	}
	if err := cmp.Or(checkOrigin(agent, task.CheckAgent), checkOrigin(zone, task.CheckZone)); err != nil {
		return spec, err
	}
	spec.Agent, spec.AgentFlag = agent.Text, agent.Layer == config.LayerFlag
	spec.Window, spec.WindowFlag = window.Text, window.Layer == config.LayerFlag
	spec.TimeZone, spec.ZoneFlag = zone.Text, zone.Layer == config.LayerFlag
	if t.flags.Changed("keep-chat") {
		spec.KeepChat = &t.keepChat
	}
	if t.flags.Changed("gif") {
		spec.GIF = &t.gif
	}
	spec.TraceContext = inv.app.getenv(task.TraceContextVariable)
	return spec, nil
}

// checkOrigin finds what is wrong with a setting that a flag did not give, and names
// the place that it comes from.
func checkOrigin(v config.Value, check func(string) error) error {
	if err := check(v.Text); err != nil && v.Set() && v.Layer != config.LayerFlag {
		return &config.InvalidError{What: v.Key.Name + " (" + v.Origin + ")", Err: err}
	}
	return nil
}

// preview prints the request, and sends nothing.
func (t *taskFlags) preview(inv *invocation, p *printer, plan *task.Plan) error {
	if t.dryRun && t.curl {
		return usageError("leave one of them out", "--dry-run and --curl print the request in two ways")
	}
	if t.NewSession {
		inv.log.Info("dry-run", "cloudBrowserSessionId and browserWindowId are added when the session has been started")
	}
	if t.curl {
		return printCurl(inv, p, plan)
	}
	for _, u := range plan.Uploads {
		inv.log.Info("dry-run", u.Key()+" is in the place of the key that "+u.Path+" gets when it is uploaded")
	}
	body, err := plan.Request.Masked().MarshalJSON()
	if err != nil {
		return usageError("", "%v", err)
	}
	return p.JSON(body)
}

// printCurl prints the request as a curl command.
func printCurl(inv *invocation, p *printer, plan *task.Plan) error {
	if p.json {
		return usageError("--dry-run prints the request as JSON", "--curl prints a command, and JSON was asked for")
	}
	command, names, err := plan.Curl(strings.TrimRight(inv.settings.Get(config.BaseURL).Text, "/"))
	if err != nil {
		return usageError("", "%v", err)
	}
	for _, u := range plan.Uploads {
		inv.log.Info("curl", "$"+u.Key()+" is the key of "+u.Path+", which is to be uploaded first")
	}
	if len(names) > len(plan.Uploads) {
		inv.log.Info("curl", "secrets are in environment variables; a quotation mark or backslash in one needs a backslash before it")
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
