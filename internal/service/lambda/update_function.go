package lambda

import (
	"context"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/kv"
)

// UpdateFunctionCode replaces the code of $LATEST. Invocations under way finish with the code
// they began with; none fails.
//
// Limits: as CreateFunction.
// Errors: ResourceNotFoundException, InvalidParameterValueException, PreconditionFailedException, RequestTooLargeException.
// Differs: the update is complete in the reply.
func (s *Service) updateFunctionCode(ctx context.Context, in *lambda.UpdateFunctionCodeInput) (*types.FunctionConfiguration, error) {
	ref, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if err := ref.unqualified("UpdateFunctionCode"); err != nil {
		return nil, err
	}
	if in.PublishTo != "" {
		return nil, unsupported("PublishTo")
	}
	var before config
	if err := s.view(ctx, ref, func(_ kv.Reader, f *function, _ *config) error {
		before = f.Latest
		return revised(in.RevisionId, &f.Latest)
	}); err != nil {
		return nil, err
	}
	taken, err := s.take(ctx, source{
		zip: in.ZipFile, bucket: deref(in.S3Bucket), key: deref(in.S3Key), version: deref(in.S3ObjectVersion), image: deref(in.ImageUri),
		runtime: before.Runtime, handler: before.Handler,
	})
	if err != nil {
		return nil, err
	}
	var out *types.FunctionConfiguration
	update := func(t kv.Txn, f *function) (err error) {
		if err := revised(in.RevisionId, &f.Latest); err != nil {
			return err
		}
		f.Latest.Code = taken
		if len(in.Architectures) == 1 {
			f.Latest.Architecture = string(in.Architectures[0])
		}
		if err := s.checkLayers(t, &f.Latest); err != nil {
			return err
		}
		s.touch(&f.Latest)
		out, err = s.describe(t, &f.Latest, ref.functionKey, "")
		if err == nil && in.Publish && !in.DryRun {
			out, err = s.publishIn(t, ref.functionKey, f, nil)
		}
		return err
	}
	if in.DryRun {
		err = s.store.Update(ctx, func(t kv.Txn) error {
			f, err := readFunction(t, ref)
			if err != nil {
				return err
			}
			return update(t, f)
		})
		return out, err
	}
	if err := s.change(ctx, ref, update); err != nil {
		return nil, err
	}
	s.collectLater()
	return out, nil
}

// revised refuses a request that was made for an older revision.
func revised(want *string, c *config) error {
	if want != nil && *want != c.RevisionID {
		return preconditionFailed()
	}
	return nil
}

// UpdateFunctionConfiguration changes the settings of $LATEST; members that are not given stay as they are.
//
// Limits: as CreateFunction.
// Errors: ResourceNotFoundException, InvalidParameterValueException, PreconditionFailedException.
// Differs: the update is complete in the reply; see CreateFunction for members without effect.
func (s *Service) updateFunctionConfiguration(ctx context.Context, in *lambda.UpdateFunctionConfigurationInput) (*types.FunctionConfiguration, error) {
	ref, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if err := ref.unqualified("UpdateFunctionConfiguration"); err != nil {
		return nil, err
	}
	for name, set := range map[string]bool{
		"ImageConfig": in.ImageConfig != nil, "FileSystemConfigs": len(in.FileSystemConfigs) > 0,
		"DurableConfig": in.DurableConfig != nil, "CapacityProviderConfig": in.CapacityProviderConfig != nil,
	} {
		if set {
			return nil, unsupported(name)
		}
	}
	if in.Role != nil {
		if err := s.checkRole(ctx, *in.Role); err != nil {
			return nil, err
		}
	}
	if in.DeadLetterConfig != nil {
		f, err := s.load(ctx, ref)
		if err != nil {
			return nil, err
		}
		if err := s.checkDeadLetter(ctx, or(deref(in.Role), f.Latest.Role), deref(in.DeadLetterConfig.TargetArn)); err != nil {
			return nil, err
		}
	}
	var out *types.FunctionConfiguration
	err = s.change(ctx, ref, func(t kv.Txn, f *function) error {
		c := &f.Latest
		if err := revised(in.RevisionId, c); err != nil {
			return err
		}
		setIf(&c.Description, in.Description)
		setIf(&c.Handler, in.Handler)
		setIf(&c.Role, in.Role)
		if in.Runtime != "" {
			c.Runtime = string(in.Runtime)
		}
		err := s.apply(c, settings{
			memory: in.MemorySize, timeout: in.Timeout, ephemeral: in.EphemeralStorage, environment: in.Environment, layers: in.Layers,
			deadLetter: in.DeadLetterConfig, tracing: in.TracingConfig, snapStart: in.SnapStart, logging: in.LoggingConfig, vpc: in.VpcConfig, kmsKey: in.KMSKeyArn,
		})
		if err == nil {
			err = s.checkLayers(t, c)
		}
		if err != nil {
			return err
		}
		s.touch(c)
		out, err = s.describe(t, c, ref.functionKey, "")
		return err
	})
	return out, err
}

// collectLater removes unreferenced code in the background, now and then.
func (s *Service) collectLater() {
	s.mu.Lock()
	due := s.clock.Now().Sub(s.collected) >= collectPeriod
	if due {
		s.collected = s.clock.Now()
	}
	s.mu.Unlock()
	if !due {
		return
	}
	s.wg.Go(func() {
		if err := s.collect(s.ctx); err != nil && s.ctx.Err() == nil {
			s.log.Warn("collect unreferenced code", "dir", filepath.Base(s.codeDir), "err", err)
		}
	})
}
