package ui

import (
	"bytes"
	"embed"
	"errors"
	"html/template"
	"net/http"
	"strings"
)

//go:embed pages static
var files embed.FS

// page is what a template is filled with.
type page struct {
	Template string // name of its file, without .html
	Title    string
	Section  string // of the navigation
	Code     int    // of the answer; 0: 200
	Body     any

	// Set by answer.
	Revision string
	Ledger   string
}

// pages has the templates by the name of their file.
type pages struct{ list map[string]*template.Template }

func parsePages() (*pages, error) {
	base, err := template.New("layout.html").Funcs(functions()).ParseFS(files, "pages/layout.html", "pages/parts.html")
	if err != nil {
		return nil, err
	}
	entries, err := files.ReadDir("pages")
	if err != nil {
		return nil, err
	}
	p := &pages{list: map[string]*template.Template{}}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		t, err := template.Must(base.Clone()).ParseFS(files, "pages/"+e.Name())
		if err != nil {
			return nil, err
		}
		p.list[name] = t
	}
	return p, nil
}

// errNoSuch says that there is nothing of the name in the URL.
var errNoSuch = errors.New("not in the ledger")

// answer answers with a page, which is made before anything is sent. The revision is read
// before the page is, so that a change between the two is seen again.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, make func(*http.Request) (page, error)) {
	var p page
	var revision string
	var err error
	select {
	case s.reading <- struct{}{}:
		if revision, err = s.o.Ledger.Revision(r.Context()); err == nil {
			err = checkFilters(r.URL.Query(), s.o.Now())
		}
		if err == nil {
			p, err = make(r)
		}
		<-s.reading
	case <-r.Context().Done():
		return
	}
	switch {
	case errors.Is(err, errNoSuch):
		p = page{Template: "error", Title: "Not found", Code: http.StatusNotFound, Body: "There is nothing of this name in the ledger. It may have been pruned."}
	case errors.Is(err, errFilter):
		p = page{Template: "error", Title: "Wrong filter", Code: http.StatusBadRequest, Body: err.Error()}
	case err != nil:
		s.o.Log.Debug("the page cannot be made", "path", r.URL.Path, "error", err)
		p = page{Template: "error", Title: "The ledger cannot be read", Code: http.StatusInternalServerError, Body: s.o.Mask(err.Error())}
	}
	p.Revision, p.Ledger = revision, s.o.Name
	var b bytes.Buffer
	if err := s.pages.list[p.Template].Execute(&b, p); err != nil {
		s.o.Log.Debug("the page cannot be made", "path", r.URL.Path, "error", err)
		http.Error(w, "The page cannot be made.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if p.Code != 0 {
		w.WriteHeader(p.Code)
	}
	_, _ = w.Write(b.Bytes()) // the browser may be gone
}
