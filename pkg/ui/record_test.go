package ui

import (
	"encoding/json"
	"testing"
	"time"
)

func TestTasksOfACloudAreRecorded(t *testing.T) {
	w := newWorld(t)
	record := Record{Ledger: w.ledger, Cloud: "http://127.0.0.1:1/v2"}
	w.must(record.Accepted(t.Context(), "req_1", "count", json.RawMessage(`{"prompt":"count","callbackSecret":"pa55w0rd","secretVariables":{"a":"pa55w0rd"}}`), now.Add(-time.Minute)))
	w.has("/tasks/req_1", "pending", "accepted by the cloud", "http://127.0.0.1:1/v2")
	w.lacks("/tasks/req_1", "pa55w0rd")
	w.must(record.Changed(t.Context(), json.RawMessage(`{"requestId":"req_1","status":"success","completedAt":"2026-03-04T05:00:02Z","response":{"text":"done"}}`), now))
	w.has("/tasks/req_1", "status call: success", "done")
	if err := record.Accepted(t.Context(), "req_2", "", json.RawMessage(`{`), now); err == nil {
		t.Error("no error")
	}
	if err := record.Changed(t.Context(), json.RawMessage(`{`), now); err == nil {
		t.Error("no error")
	}
}
