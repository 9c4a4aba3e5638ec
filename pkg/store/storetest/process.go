package storetest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/narada-cli/narada/pkg/store"
)

var processTests = []test{
	{"Many processes can create a ledger at once and write to it", manyProcesses},
	{"What was acknowledged survives when the process is killed", killedProcess},
}

// childVariable is the environment variable with the job of a child process.
const childVariable = "NARADA_STORETEST_CHILD"

// job is what a child process does with the ledger of that name once it is released. It
// prints a line for each time that it is done.
type job struct {
	Name   string
	Do     string // deliver: callbacks; run: tasks from their intent to their end
	Prefix string // of request IDs
	Count  int
}

// Child runs the job of a child process of the suite and exits. In another process it
// returns at once. TestMain calls it first.
func Child(open OpenFunc) {
	text, is := os.LookupEnv(childVariable)
	if !is {
		return
	}
	var j job
	err := json.Unmarshal([]byte(text), &j)
	if err == nil {
		err = j.do(open)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "storetest:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// workers is the number of goroutines of a child that write.
const workers = 4

func (j job) do(open OpenFunc) error {
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil { // until it is released
		return err
	}
	ctx := context.Background()
	s, err := open(ctx, j.Name, nil)
	if err != nil {
		return err
	}
	steps := make(chan int)
	failures := make(chan error, workers)
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for i := range steps {
				id := fmt.Sprintf("%s_%d", j.Prefix, i)
				if err := j.step(ctx, s, id); err != nil {
					failures <- err
					return
				}
				fmt.Println(id)
			}
		})
	}
	for i := 0; i < j.Count || j.Count == 0; i++ {
		select {
		case steps <- i:
		case err := <-failures:
			return err
		}
	}
	close(steps)
	working.Wait()
	select {
	case err := <-failures:
		return err
	default:
		return s.Close()
	}
}

func (j job) step(ctx context.Context, s Store, id string) error {
	if j.Do == "deliver" {
		return s.Write(ctx, &store.Deliver{Delivery: callback("shared", final(id, "shared", id))})
	}
	intend := &store.Intend{Intent: intent(id)}
	if err := s.Write(ctx, intend); err != nil {
		return err
	}
	if err := s.Write(ctx, &store.Accept{Task: intend.Number, RequestID: id, At: start}); err != nil {
		return err
	}
	if t, ok, err := s.Task(ctx, id); !ok || err != nil || t.Number != intend.Number {
		return fmt.Errorf("%s: found %+v, %v", id, t, err)
	}
	return s.Write(ctx, &store.Deliver{Delivery: callback(id, final(id, id, id))})
}

// child is a process that waits to be released.
type child struct {
	l     ledger
	cmd   *exec.Cmd
	stdin io.Closer
	lines *bufio.Scanner
}

// start starts a process that runs the job on the ledger.
func (l ledger) start(j job) *child {
	l.Helper()
	j.Name = l.opener.Name
	text, err := json.Marshal(j)
	l.must(err)
	self, err := os.Executable()
	l.must(err)
	c := &child{l: l, cmd: exec.Command(self)}
	c.cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	c.cmd.Stderr = os.Stderr
	c.stdin, err = c.cmd.StdinPipe()
	l.must(err)
	stdout, err := c.cmd.StdoutPipe()
	l.must(err)
	c.lines = bufio.NewScanner(stdout)
	l.must(c.cmd.Start())
	l.Cleanup(func() { _ = c.cmd.Process.Kill() }) // if the test has failed
	return c
}

func (c *child) release() {
	c.l.Helper()
	c.l.must(c.stdin.Close())
}

// wait waits until the child has done its job, and returns what it printed.
func (c *child) wait() (lines []string) {
	c.l.Helper()
	for c.lines.Scan() {
		lines = append(lines, c.lines.Text())
	}
	c.l.must(c.cmd.Wait())
	return lines
}

func manyProcesses(l ledger) {
	const processes, each = 4, 15
	var children []*child
	for i := range processes {
		children = append(children, l.start(job{Do: "run", Prefix: fmt.Sprintf("req_%d", i), Count: each}))
	}
	for _, c := range children {
		c.release()
	}
	for _, c := range children {
		if lines := c.wait(); len(lines) != each {
			l.Errorf("a process has done %d", len(lines))
		}
	}
	h := l.open()
	tasks := h.tasks(store.Query{})
	if len(tasks) != processes*each {
		l.Errorf("%d tasks", len(tasks))
	}
	for _, t := range tasks {
		if t.Open() || h.answer(t.RequestID) != t.RequestID || len(h.deliveries(t.RequestID)) != 1 {
			l.Errorf("%+v with %q", t, h.answer(t.RequestID))
		}
		l.same(t.RequestID, []string{"dispatched", "accepted " + t.RequestID, "callback-delivered " + t.RequestID + " success"}, h.eventsOf(t.RequestID))
	}
	if damages, err := h.Check(l.ctx()); len(damages) > 0 || err != nil {
		l.Errorf("damages %q, %v", damages, err)
	}
}

func killedProcess(l ledger) {
	reported := map[string]bool{}
	for round := range 3 {
		c := l.start(job{Do: "deliver", Prefix: fmt.Sprintf("req_%d", round)})
		c.release()
		for range 40 {
			if !c.lines.Scan() {
				l.Fatal("the process has ended by itself")
			}
			reported[c.lines.Text()] = true
		}
		l.must(c.cmd.Process.Kill())
		for c.lines.Scan() { // what it printed until then
			reported[c.lines.Text()] = true
		}
		if err := c.cmd.Wait(); err == nil {
			l.Error("the process was not killed")
		}
	}
	h := l.open()
	stored := map[string]bool{}
	for _, t := range h.tasks(store.Query{}) {
		if list := h.deliveries(t.RequestID); len(list) != 1 || !strings.Contains(string(list[0].Body), t.RequestID) {
			l.Errorf("%s was found as %+v", t.RequestID, list)
		}
		stored[t.RequestID] = true
	}
	for id := range reported {
		if !stored[id] {
			l.Errorf("%s was acknowledged, and is not stored", id)
		}
	}
	if extra := len(stored) - len(reported); extra > 3*workers {
		l.Errorf("%d more were stored than sent", extra)
	}
}
