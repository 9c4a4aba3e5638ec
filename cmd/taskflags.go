package cmd

import (
	"cmp"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/usage"
)

// taskFlags describe a task. They are the same on every command that submits one.
type taskFlags struct {
	task.Spec
	file       string
	promptFile string
	keepChat   bool
	gif        bool
	dryRun     bool
	curl       bool

	flags *pflag.FlagSet // of the command
}

// add adds the flags of a command that submits one task.
func (t *taskFlags) add(cmd *cobra.Command) {
	t.addDefaults(cmd)
	f := cmd.Flags()
	f.StringVar(&t.promptFile, "prompt-file", "", "read the prompt from `FILE`; - is stdin")
	f.BoolVar(&t.NewSession, "new-session", false, "run the task in a new cloud browser session, then stop it (run only)")
	f.BoolVar(&t.curl, "curl", false, "print a curl command for a POSIX shell, secrets as variables; send nothing")
}

// addDefaults adds the flags that can apply to many tasks.
func (t *taskFlags) addDefaults(cmd *cobra.Command) {
	f := cmd.Flags()
	t.flags = f
	f.StringVar(&t.file, "task", "", "read the task from `FILE` (YAML or JSON; - is stdin); other flags override it")
	settingFlag(f, "agent", config.Agent, "use `AGENT`: a built-in one, or the name of one made in Agent Studio")
	f.BoolVar(&t.Raw, "raw", false, "send the prompt as it is, without an agent's prefix")
	settingFlag(f, "window", config.BrowserWindowID, "run in the browser window `ID`")
	choiceFlag(f, &t.Mode, "mode", config.Mode, "run in `MODE`: client, cloud or cloud_browser")
	f.StringVar(&t.CloudSession, "cloud-session", "", "run in the cloud browser session `ID`")
	f.StringVar(&t.Schema, "schema", "", "request data that matches the JSON Schema in `FILE`, and check the answer")
	f.BoolVar(&t.NoValidate, "no-validate", false, "do not check the answer against the schema")
	f.StringArrayVar(&t.Attach, "attach", nil, "upload `FILE` and attach it (repeatable)")
	f.StringArrayVar(&t.Vars, "var", nil, "set an input variable to a text: `NAME=VALUE` (repeatable)")
	f.StringArrayVar(&t.JSONVars, "var-json", nil, "set an input variable to JSON or file:PATH: `NAME=VALUE` (repeatable)")
	f.StringArrayVar(&t.FileVars, "var-file", nil, "upload a file as an input variable: `NAME=PATH` (repeatable)")
	f.StringArrayVar(&t.SecretVars, "secret-var", nil, "set a secret variable from env:NAME or file:PATH: `NAME=VALUE` (repeatable)")
	f.StringArrayVar(&t.Context, "context", nil, "add context: `NAME=VALUE` (repeatable)")
	f.StringVar(&t.MCP, "mcp", "", "let the agent call the MCP servers listed in `FILE` (YAML or JSON)")
	f.StringVar(&t.ChatHistory, "chat-history", "", "send the earlier messages listed in `FILE` (YAML or JSON)")
	f.StringVar(&t.Credentials, "credentials", "", "send the credentials by service in `FILE`, an object (YAML or JSON)")
	f.StringArrayVar(&t.AllowEnv, "allow-env", nil, "let files read a secret from the environment variable `NAME` (repeatable)")
	f.StringVar(&t.Previous, "previous", "", "continue the conversation of the task with the request `ID`")
	f.BoolVar(&t.keepChat, "keep-chat", false, "do not clear the chat first")
	f.BoolVar(&t.gif, "gif", false, "record the run as a GIF")
	f.Var(usage.Choice(&t.Reasoning, "", "none", "low", "medium", "high"), "reasoning", "let a built-in agent reason at `LEVEL`: none, low, medium or high")
	settingFlag(f, "time-zone", config.TimeZone, "run the task in the time `ZONE`, such as Europe/Berlin")
	f.StringArrayVar(&t.Fields, "field", nil, "set another request field to JSON or file:PATH: `NAME=VALUE` (repeatable)")
	f.BoolVar(&t.dryRun, "dry-run", false, "print the request with secrets masked; send nothing")
}

// addAssert adds --assert, of a command that waits for answers.
func addAssert(cmd *cobra.Command, texts *[]string) {
	cmd.Flags().StringArrayVar(texts, "assert", nil, "check that the jq `EXPR` is true of the answer (repeatable)")
}

// previews reports whether the request is printed and not sent.
func (t *taskFlags) previews() bool { return t.dryRun || t.curl }

// plan makes a request of the flags, the settings, the task file and the prompt.
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

// spec makes a task of the flags, the task file and the settings, without a prompt.
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
	if err := cmp.Or(agent.CheckOrigin(narada.CheckAgent), zone.CheckOrigin(task.CheckZone), window.CheckOrigin(narada.CheckWindowID)); err != nil {
		return spec, err
	}
	spec.Agent, spec.AgentFlag = agent.Text, agent.Layer == config.LayerFlag
	spec.Window, spec.WindowFlag = window.Text, window.Layer == config.LayerFlag
	spec.TimeZone, spec.ZoneFlag = zone.Text, zone.Layer == config.LayerFlag
	if inFile := spec.File != nil && spec.File.ExecutionMode != ""; inFile || spec.NewSession || spec.CloudSession != "" {
		if inv.settings.Get(config.Mode).Layer != config.LayerFlag {
			spec.Mode = "" // more is said of this task than the setting says of all
		}
	}
	if t.flags.Changed("keep-chat") {
		spec.KeepChat = &t.keepChat
	}
	if t.flags.Changed("gif") {
		spec.GIF = &t.gif
	}
	spec.TraceContext = inv.app.getenv(task.TraceContextVariable)
	return spec, nil
}

// preview prints the request.
func (t *taskFlags) preview(inv *invocation, p *printer, plan *task.Plan) error {
	if t.dryRun && t.curl {
		return usage.Errorf("", "--dry-run and --curl cannot be used together")
	}
	base, err := baseURL(inv)
	if err != nil {
		return err
	}
	if t.NewSession {
		inv.log.Info("dry-run", "cloudBrowserSessionId and browserWindowId are added once the session has started")
	}
	if t.curl {
		return printCurl(inv, p, plan, base.String())
	}
	for _, u := range plan.Uploads {
		inv.log.Info("dry-run", u.Key()+" stands for the key of "+u.Path+", which is known after the upload")
	}
	body, err := plan.Request.Masked().MarshalJSON()
	if err != nil {
		return usage.Errorf("", "%v", err)
	}
	return p.JSON(body)
}

// printCurl prints the request as a curl command.
func printCurl(inv *invocation, p *printer, plan *task.Plan, base string) error {
	if p.AsJSON {
		return usage.Errorf("use --dry-run to print the request as JSON", "--curl cannot be used with JSON output")
	}
	command, names, err := plan.Curl(base)
	if err != nil {
		return usage.Errorf("", "%v", err)
	}
	if key := inv.settings.Get(config.APIKey); key.Layer != config.LayerEnvironment {
		inv.log.Info("curl", "$NARADA_API_KEY must be the API key for this address: "+key.Origin)
	}
	for _, u := range plan.Uploads {
		inv.log.Info("curl", "$"+u.Key()+" is the key of "+u.Path+": upload the file first")
	}
	if len(names) > len(plan.Uploads) {
		inv.log.Info("curl", "secrets are in environment variables; escape quotation marks and backslashes in them with a backslash")
	}
	return p.Text(command)
}
