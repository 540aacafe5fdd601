package kinesis

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// PutResourcePolicy attaches a policy to a stream or a consumer, in place of any it had. Callers
// of other accounts are held to it.
//
// Limits: 20 KiB; with --limits=aws five calls a second.
// Errors: ResourceNotFoundException, InvalidArgumentException, LimitExceededException, AccessDeniedException.
// Differs: the policy must be JSON with a Version and a Statement; its finer grammar is
// checked when it is evaluated. StreamId, reserved by AWS, is refused.
func (s *Service) PutResourcePolicy(ctx context.Context, in *kinesis.PutResourcePolicyInput) (*kinesis.PutResourcePolicyOutput, error) {
	text := value(in.Policy)
	if err := checkPolicy(text); err != nil {
		return nil, err
	}
	return nil, s.changeResource(ctx, in.ResourceARN, in.StreamId, "PutResourcePolicy", func(x resource) error {
		*x.policy() = text
		return nil
	})
}

func checkPolicy(text string) error {
	if len(text) > maxPolicyBytes {
		return invalidArgument("The policy is larger than %d bytes.", maxPolicyBytes)
	}
	var p struct {
		Version   string
		Statement json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil || len(p.Statement) == 0 {
		return invalidArgument("The policy is not a valid policy document.")
	}
	if p.Version != "2012-10-17" && p.Version != "2008-10-17" {
		return invalidArgument("The policy's Version must be 2012-10-17 or 2008-10-17.")
	}
	return nil
}

// GetResourcePolicy shows the policy of a stream or a consumer.
//
// Limits: with --limits=aws five calls a second.
// Errors: ResourceNotFoundException (also when it has none), InvalidArgumentException,
// LimitExceededException, AccessDeniedException.
// Differs: StreamId, reserved by AWS, is refused.
func (s *Service) GetResourcePolicy(ctx context.Context, in *kinesis.GetResourcePolicyInput) (*kinesis.GetResourcePolicyOutput, error) {
	x, err := s.viewResource(ctx, in.ResourceARN, in.StreamId, "GetResourcePolicy")
	if err != nil {
		return nil, err
	}
	if *x.policy() == "" {
		return nil, resourceNotFound("No policy found for resource %s.", value(in.ResourceARN))
	}
	return &kinesis.GetResourcePolicyOutput{Policy: x.policy()}, nil
}

// DeleteResourcePolicy detaches the policy of a stream or a consumer.
//
// Limits: with --limits=aws five calls a second.
// Errors: ResourceNotFoundException (also when it has none), InvalidArgumentException,
// LimitExceededException, AccessDeniedException.
// Differs: StreamId, reserved by AWS, is refused.
func (s *Service) DeleteResourcePolicy(ctx context.Context, in *kinesis.DeleteResourcePolicyInput) (*kinesis.DeleteResourcePolicyOutput, error) {
	return nil, s.changeResource(ctx, in.ResourceARN, in.StreamId, "DeleteResourcePolicy", func(x resource) error {
		if *x.policy() == "" {
			return resourceNotFound("No policy found for resource %s.", value(in.ResourceARN))
		}
		*x.policy() = ""
		return nil
	})
}
