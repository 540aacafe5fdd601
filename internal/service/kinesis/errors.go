package kinesis

import (
	"context"
	"errors"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// Constructors of AWS's exceptions, with its texts where they are known.

func invalidArgument(format string, args ...any) *aws.Error {
	return aws.Errorf("InvalidArgumentException", format, args...)
}

func resourceNotFound(format string, args ...any) *aws.Error {
	return aws.Errorf("ResourceNotFoundException", format, args...)
}

func resourceInUse(format string, args ...any) *aws.Error {
	return aws.Errorf("ResourceInUseException", format, args...)
}

func limitExceeded(format string, args ...any) *aws.Error {
	return aws.Errorf("LimitExceededException", format, args...)
}

func streamNotFound(r ref) *aws.Error {
	return resourceNotFound("Stream %s under account %s not found.", r.name, r.account)
}

func shardNotFound(r ref, shard string) *aws.Error {
	return resourceNotFound("Could not find shard %s in stream %s under account %s.", shard, r.name, r.account)
}

func onDemandOnly(r ref) *aws.Error {
	return aws.ValidationException("Request is invalid. Stream %s under account %s is in Provisioned mode.", r.name, r.account)
}

func provisionedOnly(r ref) *aws.Error {
	return aws.ValidationException("Request is invalid. Stream %s under account %s is in On-Demand mode.", r.name, r.account)
}

func rateExceeded(r ref, shard uint32) *aws.Error {
	return aws.Errorf("ProvisionedThroughputExceededException",
		"Rate exceeded for shard %s in stream %s under account %s.", shardID(shard), r.name, r.account)
}

// tooLong is the front door's own text for a member past its length; sizes that depend on
// a stream's settings are only known here.
func tooLong(member string, most int) *aws.Error {
	return aws.ValidationException("1 validation error detected: Value at '%s' failed to satisfy constraint: "+
		"Member must have length less than or equal to %d", member, most)
}

func missingMember(member string) *aws.Error {
	return aws.ValidationException("1 validation error detected: Value null at '%s' failed to satisfy constraint: "+
		"Member must not be null", member)
}

// dryRun is the answer to a request that would have succeeded.
func dryRun() *aws.Error {
	return aws.Errorf("DryRunOperationException", "Request would have succeeded, but DryRun flag is set.")
}

// answer turns a storage failure into what a caller may know of it.
func (s *Service) answer(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kv.ErrFull):
		return aws.StorageFull(err)
	case errors.Is(err, kv.ErrClosed):
		return aws.StorageFailed(err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	if _, ok := aws.AsError(err); ok {
		return err
	}
	return aws.InternalFailure(err)
}
