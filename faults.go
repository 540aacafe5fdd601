package leat

import (
	"context"
	"time"

	"github.com/leatdev/leat/internal/aws"
)

// Call is one call of an AWS API, of which Options.Faults is asked before it is carried out.
type Call struct {
	// Service is named as in SDKs, without spaces ("kinesis", "dynamodbstreams", "cloudwatch").
	Service, Operation string
	// Caller is the ARN of who calls: a user, or a function's role in a session of its own.
	Caller string
}

// Fault is what goes wrong with a call. The zero value is nothing.
type Fault struct {
	// Delay holds the call up before anything else.
	Delay time.Duration
	// Code, if set, refuses the call with an error of AWS; nothing is done. Status 0 is 400.
	Code, Message string
	Status        int
	// LoseReply breaks the connection instead of replying; what was asked is done.
	LoseReply bool
}

const defaultFaultStatus = 400

// fault lets Options.Faults have its way with a call.
func (p *Platform) fault(ctx context.Context, service, operation string) (loseReply bool, err error) {
	f := p.opts.Faults(Call{Service: service, Operation: operation, Caller: aws.RequestFrom(ctx).Caller.ARN})
	if f.Delay > 0 {
		t := time.NewTimer(f.Delay) // of the machine's time: a clock that stands would hold the call for good
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	if f.Code == "" {
		return f.LoseReply, nil
	}
	if f.Status == 0 {
		f.Status = defaultFaultStatus
	}
	return false, aws.StatusErrorf(f.Status, f.Code, "%s", f.Message)
}
