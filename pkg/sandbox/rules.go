package sandbox

import (
	"encoding/json"
	"regexp"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Rules say how tasks go, by their prompts. They are written in YAML:
//
//	# How long a task is pending unless its rule says otherwise. Default: 1s.
//	delay: 500ms
//
//	# The first rule whose match fits decides. A prompt that fits none succeeds.
//	rules:
//	  - match: '(?i)flights? to berlin'   # Go regular expression, looked for anywhere in the prompt,
//	                                      # agent prefix included; without it the rule fits every prompt
//	    delay: 3s                         # how long the task is pending
//	    status: success                   # success (the default), error or input-required
//	    text: Found 3 flights.            # response text
//	    structuredOutput:                 # any value; not checked against the dispatch's schema,
//	      cheapest: 129.50                # so that a mismatch can be tried too
//	      airlines: [LH, BA]
//	    usage: {actions: 12, credits: 4.5} # or null
//
//	  - match: book
//	    humanInput:                       # after the delay, a person is asked in the browser
//	      for: 5s                         # and answers after so long
//	      action: user_approval           # or prompt_for_user_input (the default)
//	      message: May I book it?
//	      callback: true                  # send a callback for this phase too; default false
//
//	  - match: busy
//	    faults:
//	      dispatch:                       # the dispatch is refused: nothing is accepted
//	        status: 503                   # HTTP status, 200 to 599
//	        times: 2                      # how often, over all calls that the rule fits; default 1
//	        each: true                    # so often for each prompt by itself; default false
//	        retryAfter: 1                 # Retry-After header, in seconds; default none
//	        body: '{"detail": "Busy"}'    # default {"detail": the status's text}
//	      statusCalls: {status: 500, times: 3} # the status call fails
//
//	  - match: lost answer
//	    faults:
//	      answerLost: {}                  # the task is accepted, and the connection cut instead of an answer;
//	                                      # {status: 502} answers so instead; times as above
//
//	  - match: cut
//	    faults:
//	      dispatch: {cut: true, times: 2} # cut the connection instead of answering, nothing accepted
//	      statusCalls: {cut: true}
//
//	  - match: callback
//	    faults:
//	      callback:                       # each by itself or together
//	        forged: true                  # first one with a wrong secret, then one with wrong headers
//	        malformed: true               # then one that is broken JSON
//	        late: 10s                     # all of them so long after the task has ended
//	        repeated: 2                   # the real one two more times
//	        lost: false                   # true: none at all
//
//	  - match: report                     # in a cloud browser session
//	    downloads:                        # files that the task leaves there; default answer.txt with its text
//	      - {name: report.csv, text: "a,b"}
//
//	# What goes wrong with the other calls, each as a fault of dispatch above.
//	faults:
//	  presign: {status: 500}              # asking where to upload to
//	  upload: {status: 403}               # the storage's; its default body is XML
//	  startSession: {status: 503, retryAfter: 1}
//	  stopSession: {status: 500}
//	  download: {cut: true}               # the storage's
//
// Durations are Go's: 300ms, 1.5s, 2m, 1h, up to 24h.
type Rules struct {
	delay  *time.Duration
	list   []rule
	faults map[string]*fault // by the names below
}

// The faults of calls that are for no prompt.
const (
	faultPresign  = "presign"
	faultUpload   = "upload"
	faultStart    = "startSession"
	faultStop     = "stopSession"
	faultDownload = "download"
)

// rule is how the tasks of some prompts go.
type rule struct {
	match      *regexp.Regexp // nil: every prompt
	delay      *time.Duration
	status     narada.Status
	text       *string
	structured json.RawMessage
	human      *human
	usage      *webhook.Usage
	downloads  []downloadRule // nil: one by default

	dispatch, answerLost, statusCalls *fault
	callback                          callbackFaults
}

// downloadRule is a file that a task leaves in its session.
type downloadRule struct{ name, text string }

// human is a time in which a person is asked.
type human struct {
	wait     time.Duration
	action   string
	message  string
	callback bool
}

// fault is an answer that is not what the call should get.
type fault struct {
	cut        bool // the connection, instead of an answer
	status     int
	times      int
	each       bool // times is for each prompt
	retryAfter *int // seconds
	body       *string
}

type callbackFaults struct {
	lost, forged, malformed bool
	late                    time.Duration
	repeated                int
}

// defaultUsage is what a task costs when its rule does not say.
func defaultUsage() *webhook.Usage { return &webhook.Usage{Actions: 2, Credits: 0.5} }

// find returns the rule for a prompt and its number, or a rule that says
// nothing and -1.
func (r *Rules) find(prompt string) (*rule, int) {
	if r != nil {
		for i := range r.list {
			if m := r.list[i].match; m == nil || m.MatchString(prompt) {
				return &r.list[i], i
			}
		}
	}
	return &rule{status: narada.StatusSuccess, usage: defaultUsage()}, -1
}

// fault returns the fault of a call that is for no prompt, nil when it has none.
func (r *Rules) fault(name string) *fault {
	if r == nil {
		return nil
	}
	return r.faults[name]
}
