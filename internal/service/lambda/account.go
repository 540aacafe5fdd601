package lambda

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
)

// GetAccountSettings shows the account's limits and what it uses of them.
//
// Differs: the limit of total code is shown, not enforced.
func (s *Service) getAccountSettings(ctx context.Context, _ *lambda.GetAccountSettingsInput) (*lambda.GetAccountSettingsOutput, error) {
	at := requester(ctx)
	usage := &types.AccountUsage{}
	err := s.store.View(ctx, func(r kv.Reader) error {
		err := scanFunctionsIn(r, kv.Key(kv.SpaceLambda, "f", at.account, at.region), func(_ functionKey, f *function) error {
			usage.FunctionCount++
			usage.TotalCodeSize += f.Latest.Code.Size
			return nil
		})
		if err != nil {
			return err
		}
		for _, prefix := range []string{"v", "n"} {
			err := r.Scan(kv.PrefixRange(kv.Key(kv.SpaceLambda, prefix, at.account, at.region)), func(_, value []byte) error {
				var v struct{ Code code }
				err := record.Unmarshal(value, &v)
				usage.TotalCodeSize += v.Code.Size
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	unreserved := int32(s.unreservedLimit(at))
	s.mu.Unlock()
	return &lambda.GetAccountSettingsOutput{AccountUsage: usage, AccountLimit: &types.AccountLimit{
		TotalCodeSize: maxTotalCode, CodeSizeUnzipped: MaxUnzippedBytes, CodeSizeZipped: MaxZipBytes,
		ConcurrentExecutions: int32(s.opt.Concurrency), UnreservedConcurrentExecutions: &unreserved,
	}}, nil
}

// GetFunctionCodeSigningConfig answers that the function has none, which tools ask for.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: code signing configurations do not exist here.
func (s *Service) getFunctionCodeSigningConfig(ctx context.Context, in *lambda.GetFunctionCodeSigningConfigInput) (*lambda.GetFunctionCodeSigningConfigOutput, error) {
	ref, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if _, err := s.load(ctx, ref); err != nil {
		return nil, err
	}
	return &lambda.GetFunctionCodeSigningConfigOutput{FunctionName: &ref.name}, nil
}

// GetRuntimeManagementConfig shows when a version's runtime is updated.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) getRuntimeManagementConfig(ctx context.Context, in *lambda.GetRuntimeManagementConfigInput) (*lambda.GetRuntimeManagementConfigOutput, error) {
	ref, err := eventRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	out := &lambda.GetRuntimeManagementConfigOutput{UpdateRuntimeOn: types.UpdateRuntimeOnAuto, FunctionArn: ptr(ref.arn())}
	err = s.view(ctx, ref, func(_ kv.Reader, f *function, _ *config) error {
		if on, ok := f.UpdateOn[ref.qualifier]; ok {
			out.UpdateRuntimeOn = on
		}
		return nil
	})
	return out, err
}

// PutRuntimeManagementConfig sets when a version's runtime is updated.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: kept and shown without effect, since the interpreter is the machine's own; Manual, which pins a version of AWS's, is refused.
func (s *Service) putRuntimeManagementConfig(ctx context.Context, in *lambda.PutRuntimeManagementConfigInput) (*lambda.PutRuntimeManagementConfigOutput, error) {
	ref, err := eventRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if in.UpdateRuntimeOn == types.UpdateRuntimeOnManual || in.RuntimeVersionArn != nil {
		return nil, unsupported("UpdateRuntimeOn Manual")
	}
	err = s.change(ctx, ref, func(t kv.Txn, f *function) error {
		if _, _, err := readVersion(t, ref); err != nil {
			return err
		}
		if f.UpdateOn == nil {
			f.UpdateOn = map[string]types.UpdateRuntimeOn{}
		}
		f.UpdateOn[ref.qualifier] = in.UpdateRuntimeOn
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &lambda.PutRuntimeManagementConfigOutput{FunctionArn: ptr(ref.arn()), UpdateRuntimeOn: in.UpdateRuntimeOn}, nil
}
