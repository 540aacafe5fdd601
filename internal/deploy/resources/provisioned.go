package resources

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/template"
)

// provision keeps as many instances of an alias or version as the template says, and waits until they are there.
func (c *clients) provision(ctx context.Context, r *deploy.Request, qualifier string) error {
	now := r.Props.Get("ProvisionedConcurrencyConfig")
	if template.Equal(now, r.Old.Get("ProvisionedConcurrencyConfig")) {
		return nil
	}
	function := r.Props.Get("FunctionName").Text()
	if now == nil {
		_, err := c.lambda.DeleteProvisionedConcurrencyConfig(ctx, &lambda.DeleteProvisionedConcurrencyConfigInput{FunctionName: &function, Qualifier: &qualifier})
		if gone(err) {
			return nil
		}
		return err
	}
	in := &lambda.PutProvisionedConcurrencyConfigInput{}
	if err := (binding{}).bind(now, in); err != nil {
		return err
	}
	in.FunctionName, in.Qualifier = &function, &qualifier
	if _, err := c.lambda.PutProvisionedConcurrencyConfig(ctx, in); err != nil {
		return err
	}
	return await(ctx, func(ctx context.Context) (bool, error) {
		out, err := c.lambda.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: &function, Qualifier: &qualifier})
		if err != nil {
			return false, err
		}
		if out.Status == types.ProvisionedConcurrencyStatusEnumFailed {
			return false, errors.New(str(out.StatusReason))
		}
		return out.Status == types.ProvisionedConcurrencyStatusEnumReady, nil
	})
}

// manageRuntime says when a function's runtime may be updated.
func (c *clients) manageRuntime(ctx context.Context, r *deploy.Request, name string) error {
	now := r.Props.Get("RuntimeManagementConfig")
	if template.Equal(now, r.Old.Get("RuntimeManagementConfig")) {
		return nil
	}
	if now == nil {
		now = template.M("UpdateRuntimeOn", "Auto")
	}
	in := &lambda.PutRuntimeManagementConfigInput{}
	if err := (binding{}).bind(now, in); err != nil {
		return err
	}
	in.FunctionName = &name
	_, err := c.lambda.PutRuntimeManagementConfig(ctx, in)
	return err
}
