package engine

import (
	"context"
	"encoding/json"
	"iter"
	"strings"

	"github.com/narada-cli/narada/pkg/store"
)

// Kind is the kind of a column's values in a Row.
type Kind int

// The kinds, with the types of their values. All but Bytes may be nil.
const (
	Number   Kind = iota // int64
	Time                 // int64, milliseconds since 1970
	Flag                 // bool
	Real                 // float64
	Text                 // string
	Header               // string, as EncodeHeader
	Bytes                // []byte
	Document             // []byte, not empty
)

// Column is a column of a Table.
type Column struct {
	Name string
	Kind Kind
}

// Table is a table that every engine has.
type Table struct {
	Name     string
	Key      int  // how many of the first columns are its key
	Numbered bool // the engine numbers its rows, by the first column
	Columns  []Column
}

// Row is a row of a Table: a value for each column.
type Row []any

// Reader reads one state of a ledger.
type Reader interface {
	// Rows calls yield for each row of the table in the order of its key, until it returns an
	// error, which Rows returns. The row's values are valid until yield returns.
	Rows(ctx context.Context, t Table, yield func(Row) error) error

	// Last returns the highest number that a row of the table has had.
	Last(ctx context.Context, t Table) (int64, error)
}

// Writer fills an empty ledger.
type Writer interface {
	Reader
	Insert(ctx context.Context, t Table, rows iter.Seq2[Row, error]) error

	// Finish is called after the last row with the highest number of each numbered table.
	Finish(ctx context.Context, last map[string]int64) error
}

// Portable is a ledger whose rows can be copied to another engine.
type Portable interface {
	// Export calls read with one state of the ledger.
	Export(ctx context.Context, read func(Reader) error) error

	// Import calls fill, and keeps what it has written if it returns nil, all or nothing.
	// Nobody else writes meanwhile.
	Import(ctx context.Context, fill func(Writer) error) error
}

func columns(kind Kind, names string) (list []Column) {
	for _, name := range strings.Fields(names) {
		list = append(list, Column{name, kind})
	}
	return list
}

func table(name string, key int, numbered bool, columns ...[]Column) Table {
	t := Table{Name: name, Key: key, Numbered: numbered}
	for _, some := range columns {
		t.Columns = append(t.Columns, some...)
	}
	return t
}

// Tables returns the tables with the content of a ledger. What else an engine has follows
// from them.
func Tables() []Table {
	return []Table{
		table("tasks", 1, true, columns(Number, "number"), columns(Time, "dispatched_at finished_at"), columns(Number, "batch duration_ms actions microcredits"),
			columns(Text, "request_id source cloud machine agent cloud_session parent ticket_path ticket_digest status reported_by failure prompt"), columns(Document, "request result")),
		table("events", 1, true, columns(Number, "number task"), columns(Time, "at"), columns(Text, "kind detail")),
		table("deliveries", 1, true, columns(Number, "seq"), columns(Time, "received_at"), columns(Text, "request_id"), columns(Bytes, "digest"),
			columns(Text, "ticket_path status"), columns(Flag, "final"), columns(Number, "duration_ms actions microcredits"), columns(Header, "header"), columns(Bytes, "body")),
		table("refusals", 1, true, columns(Number, "seq"), columns(Time, "received_at"), columns(Text, "ticket_path reason"), columns(Number, "status_code size"), columns(Header, "header")),
		table("forwards", 2, false, columns(Number, "seq"), columns(Text, "target listener request_id state failure"), columns(Number, "attempts status_code"),
			columns(Time, "ended_at"), columns(Header, "header"), columns(Document, "body")),
		table("batches", 1, true, columns(Number, "number"), columns(Text, "name"), columns(Time, "begun_at"), columns(Text, "input cloud settings"), columns(Number, "lines")),
		table("batch_lines", 2, false, columns(Number, "batch"), columns(Bytes, "key"), columns(Number, "line task"), columns(Text, "id mismatch"), columns(Bytes, "content")),
		table("sessions", 1, false, columns(Text, "key session_id window_id name cloud machine status"), columns(Time, "started_at ends_at ended_at")),
		// Of the workers of a batch what is left to do, and not who does it.
		table("batch_work", 1, false, columns(Number, "batch"), columns(Text, "options"), columns(Number, "finished failures"), columns(Real, "credits")),
		table("batch_queue", 2, false, columns(Number, "batch"), columns(Bytes, "key"), columns(Number, "line task finished"), columns(Text, "id agent cloud_session parent window_id prompt assertions"),
			columns(Time, "claimed_at"), columns(Flag, "lost"), columns(Bytes, "content"), columns(Document, "request")),
	}
}

// Names returns the names of the columns.
func (t Table) Names() (names []string) {
	for _, c := range t.Columns {
		names = append(names, c.Name)
	}
	return names
}

// Index returns the place of the column in a row.
func (t Table) Index(name string) int {
	for i, c := range t.Columns {
		if c.Name == name {
			return i
		}
	}
	panic("no column " + name)
}

// Query reads all columns in the order of the key; from is the table's name in the engine.
func (t Table) Query(from string) string {
	names := t.Names()
	return "SELECT " + strings.Join(names, ", ") + " FROM " + from + " ORDER BY " + strings.Join(names[:t.Key], ", ")
}

// Uniform replaces what an engine may store in several ways by the one that all can store: no
// bytes, and the order of members in the detail of an event.
func (t Table) Uniform(row Row) error {
	for i, c := range t.Columns {
		content, _ := row[i].([]byte)
		switch {
		case c.Kind == Bytes && content == nil:
			row[i] = []byte{}
		case c.Kind == Document && len(content) == 0:
			row[i] = nil
		}
	}
	if t.Name != "events" {
		return nil
	}
	var detail store.EventDetail
	i := t.Index("detail")
	if err := json.Unmarshal([]byte(row[i].(string)), &detail); err != nil {
		return &store.DamagedError{Err: err}
	}
	text, err := json.Marshal(detail)
	row[i] = string(text)
	return err
}
