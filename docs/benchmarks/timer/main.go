// Timer runs two commands alternately and compares their durations:
//
//	timer [-warmup N] [-rounds N] [-limit RATIO] COMMAND [ARG...] -- COMMAND [ARG...]
//
// It prints the medians and their ratio, first to second. The exit code is 1 if the ratio
// exceeds the limit.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

func main() {
	warmup := flag.Int("warmup", 10, "ignore the first `N` runs of each")
	rounds := flag.Int("rounds", 200, "measure `N` runs of each")
	limit := flag.Float64("limit", 0, "fail if the ratio exceeds `RATIO`; 0: no limit")
	flag.Parse()
	over, err := compare(flag.Args(), *warmup, *rounds, *limit)
	if err != nil {
		fmt.Fprintln(os.Stderr, "timer:", err)
		os.Exit(2)
	}
	if over {
		os.Exit(1)
	}
}

func compare(words []string, warmup, rounds int, limit float64) (over bool, err error) {
	middle := slices.Index(words, "--")
	if middle < 1 || middle == len(words)-1 || rounds < 1 {
		return false, errors.New("expected two commands with -- between them; rounds must be at least 1")
	}
	commands := [2][]string{words[:middle], words[middle+1:]}
	var times [2][]time.Duration
	for round := range warmup + rounds {
		for turn := range 2 {
			which := (round + turn) % 2 // alternate which runs first
			took, err := run(commands[which])
			if err != nil {
				return false, err
			}
			if round >= warmup {
				times[which] = append(times[which], took)
			}
		}
	}
	first, second := median(times[0]), median(times[1])
	ratio := float64(first) / float64(second)
	width := max(len(name(commands[0])), len(name(commands[1])))
	fmt.Printf("%-*s  median %.2f ms of %d runs\n", width, name(commands[0]), milliseconds(first), rounds)
	fmt.Printf("%-*s  median %.2f ms of %d runs\n", width, name(commands[1]), milliseconds(second), rounds)
	fmt.Printf("ratio %.2f", ratio)
	over = limit > 0 && ratio > limit
	switch {
	case over:
		fmt.Printf(", over the limit of %g", limit)
	case limit > 0:
		fmt.Printf(", within the limit of %g", limit)
	}
	fmt.Println()
	return over, nil
}

func run(command []string) (time.Duration, error) {
	c := exec.Command(command[0], command[1:]...) // its output is discarded
	start := time.Now()
	err := c.Run()
	took := time.Since(start)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", command[0], err)
	}
	return took, nil
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	n := len(times)
	return (times[(n-1)/2] + times[n/2]) / 2
}

func name(command []string) string { return filepath.Base(command[0]) }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
