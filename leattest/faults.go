package leattest

import (
	"path"
	"strings"
	"sync"
	"time"

	"github.com/leatdev/leat"
)

// Always, as a number of calls, is until the fault is mended.
const Always = -1

// Fault is something wrong with the calls of an API until it has struck as often
// as it should, or is mended.
type Fault struct {
	faults  *faults
	pattern string
	what    func(leat.Call) leat.Fault
	left    int
	hits    int
}

// Hits is how many calls the fault has struck.
func (f *Fault) Hits() int {
	f.faults.mu.Lock()
	defer f.faults.mu.Unlock()
	return f.hits
}

// Mend ends the fault.
func (f *Fault) Mend() {
	f.faults.mu.Lock()
	defer f.faults.mu.Unlock()
	f.left = 0
}

// faults are a platform's, oldest first.
type faults struct {
	mu   sync.Mutex
	list []*Fault
}

// ask is leat.Options.Faults: the oldest fault that fits strikes.
func (f *faults) ask(c leat.Call) leat.Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range f.list {
		if x.left == 0 || !fits(x.pattern, c) {
			continue
		}
		if x.left > 0 {
			x.left--
		}
		x.hits++
		return x.what(c)
	}
	return leat.Fault{}
}

// fits tells whether a pattern like "kinesis:Put*" is about a call.
func fits(pattern string, c leat.Call) bool {
	ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(c.Service+":"+c.Operation))
	return err == nil && ok
}

// inject adds a fault for the next n calls of what pattern names.
func (p *Platform) inject(pattern string, n int, what func(leat.Call) leat.Fault) *Fault {
	p.tb.Helper()
	if _, err := path.Match(pattern, ""); err != nil || strings.Count(pattern, ":") != 1 {
		p.tb.Fatalf("leattest: %q is not of the form service:Operation, as kinesis:PutRecords or dynamodb:*", pattern)
	}
	f := &Fault{faults: p.faults, pattern: pattern, what: what, left: n}
	p.faults.mu.Lock()
	p.faults.list = append(p.faults.list, f)
	p.faults.mu.Unlock()
	return f
}

// Fail refuses the next n calls of an operation ("kinesis:PutRecords", "sqs:*") with an
// error of AWS, before anything is done. The functions' own calls count too.
func (p *Platform) Fail(operation string, err Error, n int) *Fault {
	p.tb.Helper()
	return p.inject(operation, n, func(leat.Call) leat.Fault {
		return leat.Fault{Code: err.Code, Message: err.Message, Status: err.Status}
	})
}

// Throttle refuses the next n calls of an operation with the throttling error of its service.
func (p *Platform) Throttle(operation string, n int) *Fault {
	p.tb.Helper()
	return p.inject(operation, n, func(c leat.Call) leat.Fault {
		e := throttling(c.Service)
		return leat.Fault{Code: e.Code, Message: e.Message, Status: e.Status}
	})
}

// Delay holds the next n calls of an operation up, by d of the machine's time.
func (p *Platform) Delay(operation string, d time.Duration, n int) *Fault {
	p.tb.Helper()
	return p.inject(operation, n, func(leat.Call) leat.Fault { return leat.Fault{Delay: d} })
}

// LoseReplies carries the next n calls of an operation out and breaks the connection instead of
// replying: the caller cannot know whether it was done, and an SDK does it again.
func (p *Platform) LoseReplies(operation string, n int) *Fault {
	p.tb.Helper()
	return p.inject(operation, n, func(leat.Call) leat.Fault { return leat.Fault{LoseReply: true} })
}

// Mend ends all faults, also of the disk.
func (p *Platform) Mend() {
	p.faults.mu.Lock()
	for _, f := range p.faults.list {
		f.left = 0
	}
	p.faults.mu.Unlock()
	if p.disk != nil {
		p.disk.mend()
	}
}

// Error is an error as AWS reports it. Status 0 is 400.
type Error struct {
	Code, Message string
	Status        int
}

// InternalError is what AWS answers when something of its own breaks; SDKs retry it.
var InternalError = Error{Code: "InternalFailure", Message: "An internal error occurred.", Status: 500}

// throttling is how a service says that it was asked too often.
func throttling(service string) Error {
	switch service {
	case "kinesis":
		return Error{Code: "ProvisionedThroughputExceededException", Message: "Rate exceeded for shard."}
	case "dynamodb":
		return Error{Code: "ProvisionedThroughputExceededException",
			Message: "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API."}
	case "lambda", "apigateway", "apigatewayv2":
		return Error{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: 429}
	case "sns":
		return Error{Code: "Throttled", Message: "Rate exceeded", Status: 429}
	case "sqs":
		return Error{Code: "RequestThrottled", Message: "Request is throttled.", Status: 403}
	case "iam", "sts", "cloudformation":
		return Error{Code: "Throttling", Message: "Rate exceeded"}
	}
	return Error{Code: "ThrottlingException", Message: "Rate exceeded"}
}
