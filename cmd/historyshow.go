package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
)

type historyShowOptions struct {
	out  outputFlags
	last bool
}

func newHistoryShow(inv *invocation) *cobra.Command {
	var o historyShowOptions
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "All that is kept of a task",
		Long: `show prints what the ledger has of a task: the request that was sent, its secrets
masked; every callback that came for it; those that were refused, without their
bodies; and its answer.`,
		Example: `  narada history show req_abc123def456
  narada history show --last -o json --jq '.callbacks[].receivedAt'`,
		Args: func(_ *cobra.Command, args []string) error { return oneTask(args, o.last) },
		RunE: inv.withSettings(func(cmd *cobra.Command, args []string) error { return runHistoryShow(cmd.Context(), inv, &o, args) }),
	}
	addLast(cmd, &o.last)
	o.out.add(cmd)
	return cmd
}

// addLast adds --last, which is as good as the ID of the newest task.
func addLast(cmd *cobra.Command, last *bool) {
	cmd.Flags().BoolVar(last, "last", false, "the newest task that was dispatched from this machine, or whose callback came here")
}

// oneTask checks that one task is named, by its ID or by --last.
func oneTask(args []string, last bool) error {
	switch {
	case last && len(args) > 0:
		return usageError("leave one of them out", "--last is a task, and an ID was given")
	case !last && len(args) == 0:
		return usageError("narada history lists the tasks; --last is the newest", "no request ID")
	case len(args) > 1:
		return usageError("", "one request ID is wanted, and there are %d", len(args))
	}
	return nil
}

func runHistoryShow(ctx context.Context, inv *invocation, o *historyShowOptions, args []string) error {
	p, err := inv.printer(ctx, o.out)
	if err != nil {
		return err
	}
	l, err := inv.existingLedger(ctx)
	if err != nil {
		return err
	}
	defer inv.closeLedger(l)
	var t store.Task
	switch {
	case o.last:
		t, err = inv.lastTask(ctx, l)
	case l == nil:
		err = usageError("", "%s is not in the ledger", args[0])
	default:
		t, err = inv.namedTask(ctx, l, args[0])
	}
	if err != nil {
		return err
	}
	d, err := readDossier(ctx, l, t)
	if err != nil {
		return err
	}
	if p.json {
		return p.Value(d.json())
	}
	return p.Text(d.text(inv.app.start))
}

// dossier is all that is kept of a task.
type dossier struct {
	task      store.Task
	request   json.RawMessage
	result    *narada.Result // nil: there is none yet
	callbacks []store.Delivery
	refusals  []store.Refusal
	forwards  []store.Forward
}

func readDossier(ctx context.Context, l *sqlite.Store, t store.Task) (d dossier, err error) {
	d.task = t
	if d.request, err = l.Request(ctx, t); err != nil {
		return d, err
	}
	if d.result, err = l.Final(ctx, t); err != nil {
		return d, err
	}
	if d.callbacks, err = l.Deliveries(ctx, t); err != nil {
		return d, err
	}
	if d.refusals, err = l.Refusals(ctx, t); err != nil {
		return d, err
	}
	d.forwards, err = l.Forwards(ctx, t)
	return d, err
}

type dossierJSON struct {
	taskJSON
	Request   json.RawMessage `json:"request"`
	Result    json.RawMessage `json:"result"`
	Callbacks []callbackJSON  `json:"callbacks"`
	Refused   []refusalJSON   `json:"refused"`
}

type callbackJSON struct {
	ReceivedAt time.Time       `json:"receivedAt"`
	Verdict    string          `json:"verdict"`
	Kind       string          `json:"kind"`
	Headers    http.Header     `json:"headers"`
	Body       json.RawMessage `json:"body"`
	Forwards   []forwardJSON   `json:"forwards"`
}

type forwardJSON struct {
	Target     string     `json:"target"`
	State      string     `json:"state"`
	Attempts   int        `json:"attempts"`
	StatusCode *int       `json:"statusCode"`
	Error      *string    `json:"error"`
	EndedAt    *time.Time `json:"endedAt"`
}

func newForwardJSON(f store.Forward) forwardJSON {
	j := forwardJSON{Target: f.Target, State: string(f.State), Attempts: f.Attempts, Error: present(f.Failure)}
	if f.StatusCode != 0 {
		j.StatusCode = &f.StatusCode
	}
	if !f.EndedAt.IsZero() {
		j.EndedAt = &f.EndedAt
	}
	return j
}

type refusalJSON struct {
	ReceivedAt time.Time   `json:"receivedAt"`
	Verdict    string      `json:"verdict"`
	StatusCode int         `json:"statusCode"`
	Size       int64       `json:"size"`
	Headers    http.Header `json:"headers"`
}

// accepted is the verdict on a callback that was not refused.
const accepted = "accepted"

func (d dossier) json() dossierJSON {
	j := dossierJSON{taskJSON: newTaskJSON(d.task), Request: d.request, Callbacks: []callbackJSON{}, Refused: []refusalJSON{}}
	if d.result != nil {
		j.Result = d.result.Raw()
	}
	ended := false
	for _, c := range d.callbacks {
		body, err := narada.ReplaceSecret(c.Body, maskedSecret(c.Body))
		if err != nil { // cannot be: it was read before it was stored
			body = nil
		}
		forwards := []forwardJSON{}
		for _, f := range d.forwardsOf(c) {
			forwards = append(forwards, newForwardJSON(f))
		}
		j.Callbacks = append(j.Callbacks, callbackJSON{c.ReceivedAt, accepted, kindOf(c, ended), c.Header, body, forwards})
		ended = ended || c.Final
	}
	for _, r := range d.refusals {
		j.Refused = append(j.Refused, refusalJSON{r.ReceivedAt, r.Reason, r.StatusCode, r.Size, r.Header})
	}
	return j
}

// forwardsOf are those of the callback.
func (d dossier) forwardsOf(c store.Delivery) (list []store.Forward) {
	for _, f := range d.forwards {
		if f.Seq == c.Seq {
			list = append(list, f)
		}
	}
	return list
}

// forwardText says how a callback was passed on.
func forwardText(f store.Forward) string {
	target := term.OneLine(f.Target)
	switch f.State {
	case store.ForwardWaiting:
		return "waits to be passed on to " + target
	case store.ForwardFailed:
		return fmt.Sprintf("not passed on to %s after %d attempt%s, %s: %s", target, f.Attempts, plural(f.Attempts != 1), formatTime(f.EndedAt), term.OneLine(f.Failure))
	}
	return fmt.Sprintf("passed on to %s, %s", target, formatTime(f.EndedAt))
}

// maskedSecret is what is shown of a callback's secret: that there is one.
func maskedSecret(body []byte) string {
	if _, secret, err := narada.ParseCallback(body); err == nil && secret != "" {
		return "***"
	}
	return ""
}

// text is the dossier for people: a name and a value a line.
func (d dossier) text(now time.Time) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s %s\n", name, strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\n             "))
	}
	t := d.task
	line("request ID", "%s", dash(term.OneLine(t.RequestID)))
	line("status", "%s", t.Status)
	line("dispatched", "%s (%s ago), by %s", formatTime(t.DispatchedAt), units.Age(now.Sub(t.DispatchedAt)), sourceName(t))
	if t.Cloud != "" {
		line("API", "%s", t.Cloud)
	}
	if !t.Open() {
		line("finished", "%s, as a %s told", formatTime(t.FinishedAt), dash(t.Way))
	}
	if t.Took > 0 {
		line("took", "%s", units.Round(t.Took))
	}
	if t.Prompt != "" {
		line("prompt", "%s", term.Visible(t.Prompt))
	}
	if d.request != nil {
		line("request", "%s", d.request)
	}
	if d.result != nil {
		line("answer", "%s", term.Visible(answerText(d.result)))
	}
	ended := false
	for i, c := range d.callbacks {
		line(fmt.Sprintf("callback %d", i+1), "%s, %s, %s\n%s", formatTime(c.ReceivedAt), accepted, kindOf(c, ended), headerText(c.Header))
		ended = ended || c.Final
		for _, f := range d.forwardsOf(c) {
			line("", "%s", forwardText(f))
		}
	}
	for _, r := range d.refusals {
		line("refused", "%s, with %d: %s\n%s", formatTime(r.ReceivedAt), r.StatusCode, r.Reason, headerText(r.Header))
	}
	return strings.TrimRight(b.String(), "\n")
}

// kindOf says what a callback is to its task; ended is whether a final one was
// there before.
func kindOf(c store.Delivery, ended bool) string {
	switch {
	case ended:
		return "further" // with another body than those before
	case c.Final:
		return "final"
	}
	return "phase"
}

func formatTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }

func sourceName(t store.Task) string {
	switch {
	case t.Source == "callback" && t.Cloud != "":
		return "the request of another task, which was accepted twice"
	case t.Source == "callback":
		return "somebody else"
	}
	return "narada " + t.Source
}

func answerText(r *narada.Result) string {
	if data := r.Structured(); data != nil {
		return string(data)
	}
	return r.Text()
}

func headerText(h http.Header) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(h)) {
		lines = append(lines, name+": "+term.OneLine(strings.Join(h[name], ", ")))
	}
	return strings.Join(lines, "\n")
}
