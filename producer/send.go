package producer

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
)

// send puts units until each has arrived or was given up.
func (p *Producer) send(units []*unit) {
	pause := p.opts.Backoff
	for len(units) > 0 {
		n := p.share(units)
		refused := p.call(units[:n])
		rest := units[n:]
		if len(refused) == 0 {
			units = rest
			continue
		}
		if !p.rest(pause) {
			var gone ended
			for _, u := range append(refused, rest...) {
				gone.finish(p, u, Result{}, ErrClosed)
			}
			gone.count(p)
			return
		}
		pause = min(2*pause, maxBackoff)
		units = append(refused, rest...) // the refused go first
	}
}

// share is how many units fit into one call.
func (p *Producer) share(units []*unit) int {
	bytes := 0
	for i, u := range units {
		bytes += u.size()
		if i == MaxBatchRecords || (i > 0 && bytes > MaxBatchBytes) {
			return i
		}
	}
	return len(units)
}

// rest waits before another attempt, give or take a half; false when the producer is given up.
func (p *Producer) rest(pause time.Duration) bool {
	timer := time.NewTimer(pause/2 + rand.N(pause+1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.life.Done():
		return false
	}
}

// call makes one attempt and returns the units to try again.
func (p *Producer) call(units []*unit) (refused []*unit) {
	in := &kinesis.PutRecordsInput{Records: make([]types.PutRecordsRequestEntry, 0, len(units))}
	if p.opts.Stream != "" {
		in.StreamName = &p.opts.Stream
	} else {
		in.StreamARN = &p.opts.StreamARN
	}
	bytes := 0
	for _, u := range units {
		u.attempts++
		bytes += u.size()
		e := types.PutRecordsRequestEntry{PartitionKey: &u.key, Data: u.data}
		if u.hash != "" {
			e.ExplicitHashKey = &u.hash
		}
		in.Records = append(in.Records, e)
	}
	start := time.Now()
	out, err := p.client.PutRecords(p.life, in)
	switch {
	case err != nil:
		refused = p.failed(units, err)
	case len(out.Records) != len(units):
		refused = p.failed(units, errors.New("the reply does not answer every record"))
	default:
		refused = p.settle(units, out.Records)
	}
	if p.opts.OnCall != nil {
		p.opts.OnCall(Call{Records: len(units), Bytes: bytes, Refused: len(refused), Duration: time.Since(start), Err: err})
	}
	return refused
}

// settle ends the units that have arrived or have been tried often enough.
func (p *Producer) settle(units []*unit, results []types.PutRecordsResultEntry) (refused []*unit) {
	var done ended
	for i, u := range units {
		r := &results[i]
		if r.ErrorCode == nil {
			done.finish(p, u, Result{ShardID: aws.ToString(r.ShardId), SequenceNumber: aws.ToString(r.SequenceNumber)}, nil)
			continue
		}
		if u.attempts < p.opts.Attempts {
			refused = append(refused, u)
			continue
		}
		done.finish(p, u, Result{}, &DeliveryError{Code: *r.ErrorCode, Message: aws.ToString(r.ErrorMessage), Attempts: u.attempts})
	}
	done.count(p)
	return refused
}

// failed handles a call that failed as a whole.
func (p *Producer) failed(units []*unit, err error) (refused []*unit) {
	final := permanent(err)
	var done ended
	for _, u := range units {
		switch {
		case p.life.Err() != nil:
			done.finish(p, u, Result{}, ErrClosed)
		case final || u.attempts >= p.opts.Attempts:
			done.finish(p, u, Result{}, err)
		default:
			refused = append(refused, u)
		}
	}
	done.count(p)
	return refused
}

// permanent tells errors that another attempt cannot mend: the caller's own.
func permanent(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return errors.Is(err, context.Canceled)
	}
	switch api.ErrorCode() {
	case "ProvisionedThroughputExceededException", "KMSThrottlingException", "LimitExceededException", "ThrottlingException":
		return false
	}
	return api.ErrorFault() == smithy.FaultClient
}
