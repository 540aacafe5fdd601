package lambda

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/leatdev/leat/internal/kv"
)

// PutFunctionConcurrency reserves concurrent executions for a function, which are its limit too. 0 stops it.
//
// Limits: 100 of the account's executions stay unreserved.
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) putFunctionConcurrency(ctx context.Context, in *lambda.PutFunctionConcurrencyInput) (*lambda.PutFunctionConcurrencyOutput, error) {
	ref, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if err := ref.unqualified("PutFunctionConcurrency"); err != nil {
		return nil, err
	}
	n := in.ReservedConcurrentExecutions
	err = s.change(ctx, ref, func(t kv.Txn, f *function) error {
		sum := int(deref(n))
		err := scanFunctionsIn(t, kv.Key(kv.SpaceLambda, "f", ref.account, ref.region), func(k functionKey, o *function) error {
			if k.name != ref.name {
				sum += int(deref(o.Reserved))
			}
			return nil
		})
		if err != nil {
			return err
		}
		if s.opt.Concurrency-sum < MinUnreserved {
			return invalidParameter("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", MinUnreserved)
		}
		f.Reserved = n
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.setReserved(ref.functionKey, n)
	return &lambda.PutFunctionConcurrencyOutput{ReservedConcurrentExecutions: n}, nil
}

// GetFunctionConcurrency shows a function's reserved concurrency, if it has one.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) getFunctionConcurrency(ctx context.Context, in *lambda.GetFunctionConcurrencyInput) (*lambda.GetFunctionConcurrencyOutput, error) {
	ref, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	f, err := s.load(ctx, ref)
	if err != nil {
		return nil, err
	}
	return &lambda.GetFunctionConcurrencyOutput{ReservedConcurrentExecutions: f.Reserved}, nil
}

// DeleteFunctionConcurrency gives reserved concurrency back.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) deleteFunctionConcurrency(ctx context.Context, in *lambda.DeleteFunctionConcurrencyInput) (*lambda.DeleteFunctionConcurrencyOutput, error) {
	ref, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	err = s.change(ctx, ref, func(_ kv.Txn, f *function) error {
		f.Reserved = nil
		return nil
	})
	if err == nil {
		s.setReserved(ref.functionKey, nil)
	}
	return nil, err
}

// setReserved keeps the sums that admission goes by.
func (s *Service) setReserved(k functionKey, n *int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := regionKey{k.account, k.region}
	if s.reserved[at] == nil {
		s.reserved[at] = map[string]int{}
	}
	delete(s.reserved[at], k.name)
	if n != nil {
		s.reserved[at][k.name] = int(*n)
	}
}

// unreservedLimit is what functions without reserved concurrency may run at once together; mu is held.
func (s *Service) unreservedLimit(at regionKey) int {
	n := s.opt.Concurrency
	for _, r := range s.reserved[at] {
		n -= r
	}
	return n
}

// reservedFor is the concurrency reserved for a function; own is false if none is.
func (s *Service) reservedFor(k functionKey) (n int, own bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, own = s.reserved[regionKey{k.account, k.region}][k.name]
	return n, own
}

// admit counts one more execution of a function, or throttles it. release must be called once.
func (s *Service) admit(k functionKey) (release func(), concurrent int, err error) {
	at := regionKey{k.account, k.region}
	s.mu.Lock()
	defer s.mu.Unlock()
	limit, own := s.reserved[at][k.name]
	switch {
	case own && s.running[k] >= limit:
		return nil, s.running[k], throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
	case !own && s.perRegion[at] >= s.unreservedLimit(at):
		return nil, s.running[k], throttled("ConcurrentInvocationLimitExceeded")
	}
	s.running[k]++
	if !own {
		s.perRegion[at]++
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.running[k]--; s.running[k] == 0 {
			delete(s.running, k)
		}
		if !own {
			s.perRegion[at]--
		}
	}, s.running[k], nil
}
