package runtime

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"time"
)

// extension is one registered extension of an instance.
type extension struct {
	id     string
	name   string
	events []string // of INVOKE, SHUTDOWN
	queue  chan any // the next event; one at a time is outstanding
	parked bool     // waiting for its next event; guarded by instance.mu
}

// invokeEvent and shutdownEvent are what an extension gets.
type invokeEvent struct {
	EventType          string            `json:"eventType"`
	DeadlineMs         int64             `json:"deadlineMs"`
	RequestID          string            `json:"requestId"`
	InvokedFunctionARN string            `json:"invokedFunctionArn"`
	Tracing            map[string]string `json:"tracing"`
}

type shutdownEvent struct {
	EventType      string `json:"eventType"`
	ShutdownReason string `json:"shutdownReason"` // spindown, timeout, failure
	DeadlineMs     int64  `json:"deadlineMs"`
}

// Shutdown times, as on AWS: nobody is asked to end in order unless there are extensions.
const (
	shutdownInternal = 500 * time.Millisecond
	shutdownExternal = 2 * time.Second
)

func (a *api) extension(w http.ResponseWriter, r *http.Request, path string) {
	switch {
	case r.Method == http.MethodPost && path == "register":
		a.register(w, r)
	case r.Method == http.MethodGet && path == "event/next":
		a.nextEvent(w, r)
	case r.Method == http.MethodPost && (path == "init/error" || path == "exit/error"):
		a.extensionError(w, r, path)
	default:
		http.NotFound(w, r)
	}
}

func (a *api) register(w http.ResponseWriter, r *http.Request) {
	name := r.Header.Get("Lambda-Extension-Name")
	body, err := readBounded(r.Body, r.ContentLength, MaxErrorBytes)
	var in struct {
		Events []string `json:"events"`
	}
	if err == nil && len(body) > 0 {
		err = json.Unmarshal(body, &in)
	}
	if name == "" || err != nil {
		refuse(w, http.StatusBadRequest, "Extension.InvalidRegistration", "a registration needs the header Lambda-Extension-Name and a JSON body")
		return
	}
	for _, e := range in.Events {
		if e != "INVOKE" && e != "SHUTDOWN" {
			refuse(w, http.StatusBadRequest, "Extension.InvalidEventType", e+": event type is invalid")
			return
		}
	}
	x := &extension{id: newID(), name: name, events: in.Events, queue: make(chan any, 1)}
	if refusal := a.in.addExtension(x); refusal != "" {
		refuse(w, http.StatusForbidden, refusal, "Extension "+name+" cannot be registered")
		return
	}
	s := a.in.spec
	w.Header().Set("Lambda-Extension-Identifier", x.id)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{
		"functionName": s.FunctionName, "functionVersion": s.Version, "handler": s.Handler, "accountId": s.AccountID,
	})
}

func (a *api) nextEvent(w http.ResponseWriter, r *http.Request) {
	x := a.in.extensionByID(r.Header.Get("Lambda-Extension-Identifier"))
	if x == nil {
		refuse(w, http.StatusForbidden, "Extension.UnknownExtensionIdentifier", "Unknown extension")
		return
	}
	a.in.extensionParked(x)
	select {
	case ev := <-x.queue:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Lambda-Extension-Event-Identifier", newID())
		_ = json.NewEncoder(w).Encode(ev)
	case <-r.Context().Done():
	case <-a.in.dead:
	}
}

// extensionError ends the instance: an extension that cannot run takes the environment down, as on AWS.
func (a *api) extensionError(w http.ResponseWriter, r *http.Request, path string) {
	x := a.in.extensionByID(r.Header.Get("Lambda-Extension-Identifier"))
	errorType := r.Header.Get("Lambda-Extension-Function-Error-Type")
	if x == nil || errorType == "" {
		refuse(w, http.StatusForbidden, "Extension.UnknownExtensionIdentifier", "Unknown extension")
		return
	}
	kind := "Extension.InitError"
	if path == "exit/error" {
		kind = "Extension.ExitError"
	}
	accepted(w)
	a.in.fail(kind, "Error: "+x.name+" reported "+errorType)
}

// addExtension registers x; the answer is the error type of a refusal.
func (in *instance) addExtension(x *extension) string {
	in.mu.Lock()
	defer in.mu.Unlock()
	external := slices.ContainsFunc(in.plan.extensions, func(p string) bool { return filepath.Base(p) == x.name })
	switch {
	case in.state != starting:
		return "Extension.RegistrationClosed"
	case len(in.exts) >= MaxExtensions:
		return "Extension.TooManyExtensions"
	case slices.ContainsFunc(in.exts, func(o *extension) bool { return o.name == x.name }):
		return "Extension.AlreadyRegistered"
	case !external && slices.Contains(x.events, "SHUTDOWN"):
		return "ShutdownEventNotSupportedForInternalExtension"
	}
	in.exts = append(in.exts, x)
	return ""
}

func (in *instance) extensionByID(id string) *extension {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, x := range in.exts {
		if x.id == id {
			return x
		}
	}
	return nil
}

// extensionParked notes that x waits for its next event.
func (in *instance) extensionParked(x *extension) {
	in.mu.Lock()
	x.parked = true
	in.settle()
}

// tell sends an event to the extensions that want it; in.mu is held.
func (in *instance) tell(kind string, ev any) {
	for _, x := range in.exts {
		if !slices.Contains(x.events, kind) {
			continue
		}
		x.parked = false
		select {
		case x.queue <- ev:
		default: // it has not fetched the one before, and will not run again
		}
	}
}
