package term

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestVisibleShowsWhatWouldMoveTheCursor(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain\ttext\nünïcode 日本", "plain\ttext\nünïcode 日本"},
		{"\x1b[31mred\x1b[0m", "^[[31mred^[[0m"},
		{"a\rb\x00c\x7f", "a^Mb^@c^?"},
		{"c1 \u009b31m", "c1 <U+009B>31m"},
		{"turned \u202etxt.exe", "turned <U+202E>txt.exe"},
	}
	for _, tt := range tests {
		if got := Visible(tt.in); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
	if got := OneLine(" a\n\tb\x1b "); got != "a b^[" {
		t.Errorf("OneLine: %q", got)
	}
}

func TestColor(t *testing.T) {
	tests := []struct {
		name     string
		mode     ColorMode
		env      map[string]string
		terminal bool
		want     bool
	}{
		{"terminal", ColorAuto, nil, true, true},
		{"pipe", ColorAuto, nil, false, false},
		{"NO_COLOR", ColorAuto, map[string]string{"NO_COLOR": "1"}, true, false},
		{"NO_COLOR wins over force", ColorAuto, map[string]string{"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, true, false},
		{"forced", ColorAuto, map[string]string{"CLICOLOR_FORCE": "1"}, false, true},
		{"force 0 is none", ColorAuto, map[string]string{"CLICOLOR_FORCE": "0"}, false, false},
		{"dumb", ColorAuto, map[string]string{"TERM": "dumb"}, true, false},
		{"always", ColorAlways, map[string]string{"NO_COLOR": "1"}, false, true},
		{"never", ColorNever, map[string]string{"CLICOLOR_FORCE": "1"}, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Color(tt.mode, func(name string) string { return tt.env[name] }, tt.terminal); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func sayAll(o Options) string {
	var b bytes.Buffer
	talk := NewTalk(&b, o)
	talk.Detail("d", "detail")
	talk.Info("i", "info")
	talk.Warn("w", "warn \x1b")
	talk.Text("t", "the agent's words")
	talk.Error("e", "failed", "do this")
	return b.String()
}

func TestLevelsAndColours(t *testing.T) {
	tests := []struct {
		name string
		o    Options
		want string
	}{
		{"normal", Options{}, "info\nwarning: warn \x1b\nthe agent's words\nerror: failed\nhint: do this\n"},
		{"quiet", Options{Level: Quiet}, "the agent's words\nerror: failed\nhint: do this\n"},
		{"verbose, in colour", Options{Level: Verbose, Color: true}, "\x1b[2mdetail\x1b[22m\ninfo\n\x1b[33mwarning:\x1b[0m warn \x1b\nthe agent's words\n\x1b[31merror:\x1b[0m failed\n\x1b[36mhint:\x1b[0m do this\n"},
		{"on a terminal", Options{Terminal: true}, "info\nwarning: warn ^[\nthe agent's words\nerror: failed\nhint: do this\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, sayAll(tt.o)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEachLineOfJSONTalkIsAnObjectWithEventAndTime(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	text := sayAll(Options{JSON: true, Level: Verbose, Now: func() time.Time { return now }})
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != 5 {
		t.Fatalf("%d lines:\n%s", len(lines), text)
	}
	for _, line := range lines {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil || object["event"] == "" || object["time"] != "2026-01-02T03:04:05.000006Z" {
			t.Errorf("%s: %v", line, err)
		}
	}
	if want := `{"event":"e","hint":"do this","level":"error","message":"failed","time":"2026-01-02T03:04:05.000006Z"}`; lines[4] != want {
		t.Errorf("got  %s\nwant %s", lines[4], want)
	}
	var b bytes.Buffer
	NewTalk(&b, Options{JSON: true}).Info("x", "y", slog.Any("bad", func() {}))
	if !json.Valid(b.Bytes()) {
		t.Errorf("a field that is no JSON gives %s", &b)
	}
}

func TestSignOfLifeOffATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		stop := NewTalk(&b, Options{}).Wait("waiting", "waiting for req_1")
		time.Sleep(65 * time.Second)
		stop()
		if want := "still waiting for req_1 (30s)\nstill waiting for req_1 (1m0s)\n"; b.String() != want {
			t.Errorf("got %q", b.String())
		}
		NewTalk(io.Discard, Options{Level: Quiet}).Wait("waiting", "x")()
	})
}

func TestSpinnerLeavesMessagesWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		talk := NewTalk(&b, Options{Spinner: true, Width: func() int { return 24 }})
		stop := talk.Wait("waiting", "waiting for req_1")
		time.Sleep(2500 * time.Millisecond)
		talk.Info("i", "a message")
		_, _ = talk.Over(&b).Write([]byte("the answer\n"))
		time.Sleep(time.Second)
		stop()
		text := b.String()
		for _, want := range []string{clearLine + "a message\n" + clearLine, clearLine + "the answer\n" + clearLine, " waiting for req_1 2s" + clearLine} {
			if !strings.Contains(text, want) {
				t.Errorf("there is no %q in %q", want, text)
			}
		}
		if !strings.HasSuffix(text, clearLine) {
			t.Errorf("the spinner is left there: %q", text)
		}
	})
}

func TestSpinnerIsCutToTheTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		stop := NewTalk(&b, Options{Spinner: true, Width: func() int { return 20 }}).Wait("waiting", "waiting for req_0123456789abcdef")
		time.Sleep(time.Second)
		stop()
		for _, line := range strings.Split(b.String(), clearLine) {
			if n := len([]rune(line)); n > 20 {
				t.Errorf("%d columns: %q", n, line)
			}
		}
	})
}

func TestStalledStdoutDoesNotHoldTheTalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		talk := NewTalk(io.Discard, Options{Spinner: true})
		read, write := io.Pipe()
		go func() { _, _ = talk.Over(write).Write([]byte("x")) }()
		synctest.Wait() // it is stuck
		said := make(chan struct{})
		go func() {
			talk.Info("i", "a message")
			close(said)
		}()
		<-said
		read.Close()
	})
}

func TestProgressIsABarOnATerminalAndALineOffOne(t *testing.T) {
	for _, tt := range []struct {
		name  string
		o     Options
		wants []string
		wide  int
	}{
		{"wide", Options{Spinner: true, Width: func() int { return 90 }}, []string{" uploading a.csv 0% |                | ( 0 B/4.0 MiB) [0s:0s]", " uploading a.csv 50% |████████        | (2.0/4.0 MiB, 1.7 MiB/s) [1s:1s]"}, 90},
		{"narrow", Options{Spinner: true, Width: func() int { return 40 }}, []string{" uploading a.csv 50 % of 4.0 MiB"}, 40},
		{"off a terminal", Options{}, []string{"still uploading a.csv: 50 % of 4.0 MiB (30s)\n"}, 90},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b bytes.Buffer
				p := NewTalk(&b, tt.o).Progress("upload", "uploading a.csv", 4<<20)
				time.Sleep(time.Second)
				p.Add(3 << 20)
				p.Restart()
				p.Add(2 << 20)
				time.Sleep(31 * time.Second)
				p.Stop()
				for _, want := range tt.wants {
					if !strings.Contains(b.String(), want) {
						t.Errorf("there is no %q in %.2000q", want, b.String())
					}
				}
				for _, line := range strings.Split(b.String(), clearLine) {
					if n := len([]rune(line)); n > tt.wide {
						t.Errorf("%d columns: %q", n, line)
					}
				}
			})
		})
	}
}

func TestBytesAreWordedForPeople(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1 << 30: "1.0 GiB", 5 << 50: "5120.0 TiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}
