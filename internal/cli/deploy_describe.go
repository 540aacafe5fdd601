package cli

import (
	"context"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

func sortedNames(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// describe fills in outputs, endpoints and functions of the stack.
func (d *deploy) describe(ctx context.Context, res *deployed) error {
	res.Outputs, res.Endpoints, res.Functions = map[string]string{}, []string{}, []deployedFunc{}
	st, err := d.deployer.Stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &res.Stack})
	if err != nil {
		return d.a.explain(err)
	}
	for _, o := range st.Stacks[0].Outputs {
		res.Outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	out, err := d.deployer.Stacks.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: &res.Stack})
	if err != nil {
		return err
	}
	cfg := d.a.awsConfig()
	for _, r := range out.StackResources {
		id := aws.ToString(r.PhysicalResourceId)
		switch aws.ToString(r.ResourceType) {
		case "AWS::Lambda::Function":
			f, err := lambda.NewFromConfig(cfg).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &id})
			if err != nil {
				return err
			}
			res.Functions = append(res.Functions, deployedFunc{id, f.CodeSize})
		case "AWS::Kinesis::Stream":
			res.streams = append(res.streams, id)
		case "AWS::ApiGateway::RestApi":
			if err := d.restEndpoints(ctx, cfg, id, res); err != nil {
				return err
			}
		case "AWS::ApiGatewayV2::Api":
			if err := d.httpEndpoints(ctx, cfg, id, res); err != nil {
				return err
			}
		}
	}
	sort.Strings(res.Endpoints)
	sort.Slice(res.Functions, func(i, j int) bool { return res.Functions[i].Name < res.Functions[j].Name })
	return nil
}

// base is the path form of an API's address.
func (d *deploy) base(api, stage string) string {
	if stage == "$default" {
		stage = "" // it needs no name, and a shell would take one away
	}
	return strings.TrimSuffix(d.a.baseURL()+"/_aws/execute-api/"+api+"/"+stage, "/")
}

func (d *deploy) restEndpoints(ctx context.Context, cfg aws.Config, id string, res *deployed) error {
	client := apigateway.NewFromConfig(cfg)
	stages, err := client.GetStages(ctx, &apigateway.GetStagesInput{RestApiId: &id})
	if err != nil {
		return err
	}
	pages := apigateway.NewGetResourcesPaginator(client, &apigateway.GetResourcesInput{RestApiId: &id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, r := range page.Items {
			for method := range r.ResourceMethods {
				if method == "OPTIONS" {
					continue // preflights
				}
				for _, st := range stages.Item {
					res.Endpoints = append(res.Endpoints, method+" - "+d.base(id, aws.ToString(st.StageName))+aws.ToString(r.Path))
				}
			}
		}
	}
	return nil
}

func (d *deploy) httpEndpoints(ctx context.Context, cfg aws.Config, id string, res *deployed) error {
	client := apigatewayv2.NewFromConfig(cfg)
	stages, err := client.GetStages(ctx, &apigatewayv2.GetStagesInput{ApiId: &id})
	if err != nil {
		return err
	}
	routes, err := client.GetRoutes(ctx, &apigatewayv2.GetRoutesInput{ApiId: &id})
	if err != nil {
		return err
	}
	for _, r := range routes.Items {
		method, path, ok := strings.Cut(aws.ToString(r.RouteKey), " ")
		if !ok {
			method, path = "ANY", "/"
		}
		for _, st := range stages.Items {
			res.Endpoints = append(res.Endpoints, method+" - "+d.base(id, aws.ToString(st.StageName))+path)
		}
	}
	return nil
}
