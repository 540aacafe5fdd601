package runtime

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// The lines that the platform writes around an invocation, in text or JSON form,
// and the payloads it answers with when the runtime could not.

// timeLayout is how JSON system logs and time-out messages write an instant.
const timeLayout = "2006-01-02T15:04:05.000Z"

func ms(d time.Duration) float64 { return math.Round(d.Seconds()*1e5) / 100 }

// systemLine renders a platform event for a function with JSON logs.
func systemLine(at time.Time, kind string, record any) string {
	b, err := json.Marshal(struct {
		Time   string `json:"time"`
		Type   string `json:"type"`
		Record any    `json:"record"`
	}{at.UTC().Format(timeLayout), kind, record})
	if err != nil {
		return ""
	}
	return string(b)
}

// systemLogged tells whether a system event of a level passes the function's filter.
func (s *Spec) systemLogged(level string) bool {
	rank := map[string]int{"DEBUG": 0, "INFO": 1, "WARN": 2}
	return rank[level] >= rank[s.SystemLogLevel]
}

func (s *Spec) initStartLine(at time.Time) string {
	sum := sha256.Sum256([]byte(s.Runtime))
	version := s.Runtime + ".leat"
	arn := "arn:aws:lambda:" + s.Region + "::runtime:" + hex.EncodeToString(sum[:])
	if !s.LogJSON {
		return fmt.Sprintf("INIT_START Runtime Version: %s\tRuntime Version ARN: %s", version, arn)
	}
	if !s.systemLogged("DEBUG") || s.SystemLogLevel == "" {
		return ""
	}
	return systemLine(at, "platform.initStart", map[string]any{
		"initializationType": "on-demand", "phase": "init", "runtimeVersion": version, "runtimeVersionArn": arn,
		"functionName": s.FunctionName, "functionVersion": s.Version,
	})
}

// initReportLine tells of an initialisation that failed.
func (s *Spec) initReportLine(at time.Time, d time.Duration, phase, status, errorType string) string {
	if !s.LogJSON {
		line := fmt.Sprintf("INIT_REPORT Init Duration: %.2f ms\tPhase: %s\tStatus: %s", ms(d), phase, status)
		if errorType != "" {
			line += "\tError Type: " + errorType
		}
		return line
	}
	rec := map[string]any{
		"initializationType": "on-demand", "phase": phase, "status": status,
		"metrics": map[string]any{"durationMs": ms(d)},
	}
	if errorType != "" {
		rec["errorType"] = errorType
	}
	return systemLine(at, "platform.initReport", rec)
}

func (s *Spec) startLine(at time.Time, requestID string) string {
	if !s.LogJSON {
		return "START RequestId: " + requestID + " Version: " + s.Version
	}
	if !s.systemLogged("INFO") {
		return ""
	}
	return systemLine(at, "platform.start", map[string]any{"requestId": requestID, "version": s.Version})
}

func (s *Spec) endLine(requestID string) string {
	if s.LogJSON {
		return "" // the report says it all
	}
	return "END RequestId: " + requestID
}

// outcome is what a REPORT line says of an invocation.
type outcome struct {
	status    string // "" for success, "timeout", "error"
	errorType string
	duration  time.Duration
	init      time.Duration // 0 for a warm start
	memoryMB  int
}

func (s *Spec) reportLine(at time.Time, requestID string, o outcome) string {
	billed := int64(math.Ceil(ms(o.duration + o.init)))
	if s.LogJSON {
		if !s.systemLogged("INFO") && o.status == "" {
			return ""
		}
		return s.reportJSON(at, requestID, o, billed)
	}
	line := fmt.Sprintf("REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t",
		requestID, ms(o.duration), billed, s.MemoryMB, o.memoryMB)
	if o.init > 0 {
		line += fmt.Sprintf("Init Duration: %.2f ms\t", ms(o.init))
	}
	if o.status != "" {
		line += "Status: " + o.status
		if o.errorType != "" {
			line += "\tError Type: " + o.errorType
		}
	}
	return line
}

func (s *Spec) reportJSON(at time.Time, requestID string, o outcome, billed int64) string {
	metrics := map[string]any{
		"durationMs": ms(o.duration), "billedDurationMs": billed, "memorySizeMB": s.MemoryMB, "maxMemoryUsedMB": o.memoryMB,
	}
	if o.init > 0 {
		metrics["initDurationMs"] = ms(o.init)
	}
	status := o.status
	switch status {
	case "":
		status = "success"
	case "error":
		status = "failure"
	}
	rec := map[string]any{"requestId": requestID, "metrics": metrics, "status": status}
	if o.errorType != "" {
		rec["errorType"] = o.errorType
	}
	return systemLine(at, "platform.report", rec)
}

// failure is the payload of an invocation that the platform ended.
func failure(errorType, message string) []byte {
	b, err := json.Marshal(struct {
		Type    string `json:"errorType,omitempty"`
		Message string `json:"errorMessage"`
	}{errorType, message})
	if err != nil {
		return []byte(`{"errorMessage":"error"}`)
	}
	return b
}

// timedOut is AWS's answer to a handler that was still running at its deadline.
func timedOut(requestID string, limit time.Duration) []byte {
	return failure("Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", requestID, limit.Seconds()))
}

// timeoutLine is what AWS logs of it.
func timeoutLine(at time.Time, requestID string, limit time.Duration) string {
	return fmt.Sprintf("%s %s Task timed out after %.2f seconds\n", at.UTC().Format(timeLayout), requestID, limit.Seconds())
}
