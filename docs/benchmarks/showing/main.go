// Showing measures the page of narada ui in a browser: the time from the acknowledgement of
// a callback to its row on the screen.
//
//	showing [-callbacks N] [-limit MS] BROWSER PAGE READY
//
// PAGE is the URL that narada ui printed, READY the ready file of a narada listen with the
// same ledger. It exits with 1 if the median is over the limit.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

// watching notes in the page when each row appears, in milliseconds since 1970.
const watching = `window.shown = {}; new MutationObserver(() => {
	for (const a of document.querySelectorAll("#callbacks td.id a")) shown[a.textContent] ??= performance.timeOrigin + performance.now();
}).observe(document.getElementById("list"), {childList: true, subtree: true, characterData: true}); 1`

type ready struct {
	URL     string
	Secret  string
	Headers map[string]string
}

func main() {
	callbacks := flag.Int("callbacks", 100, "number of callbacks")
	limit := flag.Float64("limit", 250, "limit of the median in milliseconds")
	flag.Parse()
	if flag.NArg() != 3 {
		flag.Usage()
		os.Exit(2)
	}
	took, err := measure(flag.Arg(0), flag.Arg(1), flag.Arg(2), *callbacks)
	if err != nil {
		fmt.Fprintln(os.Stderr, "showing:", err)
		os.Exit(1)
	}
	slices.Sort(took)
	median := took[len(took)/2]
	fmt.Printf("from the acknowledgement to the row: median %.0f ms, slowest %.0f ms, of %d callbacks\n", median, took[len(took)-1], len(took))
	if median > *limit {
		fmt.Printf("the median is over %.0f ms\n", *limit)
		os.Exit(1)
	}
}

// measure returns the times in milliseconds.
func measure(browser, page, file string, callbacks int) ([]float64, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var to ready
	if err := json.Unmarshal(content, &to); err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.NoSandbox)
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	defer end()
	tab, end := chromedp.NewContext(allocator)
	defer end()
	list := strings.Replace(page, "/?", "/callbacks?", 1)
	if err := chromedp.Do(tab, chromedp.Navigate(list), chromedp.Sleep(time.Second)); err != nil {
		return nil, err
	}
	acknowledged := map[string]time.Time{}
	for i := range callbacks {
		id := fmt.Sprintf("req_%d", i)
		if err := to.post(id); err != nil {
			return nil, err
		}
		acknowledged[id] = time.Now()
		if i == 0 { // the list begins with it
			if err := chromedp.Do(tab, chromedp.WaitVisible(chromedp.CSS("#callbacks"))); err != nil {
				return nil, err
			}
			if _, err := chromedp.Run(tab, chromedp.Evaluate[int](watching)); err != nil {
				return nil, err
			}
		}
		time.Sleep(time.Duration(300+i%7*41) * time.Millisecond) // at any phase of its intervals
	}
	shown, err := chromedp.Run(tab, chromedp.Evaluate[map[string]float64]("shown"))
	if err != nil {
		return nil, err
	}
	var took []float64
	for id, at := range acknowledged {
		if id == "req_0" {
			continue
		}
		if shown[id] == 0 {
			return nil, errors.New(id + " was not shown")
		}
		took = append(took, max(0, shown[id]-float64(at.UnixMicro())/1000))
	}
	return took, nil
}

// post sends a callback.
func (r ready) post(id string) error {
	body := fmt.Sprintf(`{"requestId":%q,"status":"success","completedAt":"2026-01-02T03:04:05Z","secret":%q,"response":{"text":"done"}}`, id, r.Secret)
	request, err := http.NewRequest(http.MethodPost, r.URL, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range r.Headers {
		request.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}
