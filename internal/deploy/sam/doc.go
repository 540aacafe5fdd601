// Package sam runs the AWS::Serverless-2016-10-31 transform: it turns SAM's short
// resource types into CloudFormation's, with the logical ids that AWS gives them,
// so that a stack deployed here and one deployed on AWS have the same resources.
//
//	Function      Lambda function, role, version, alias, URL, mappings, permissions
//	Api, HttpApi  REST and HTTP APIs with an OpenAPI body, deployment and stage
//	SimpleTable   DynamoDB table
//	LayerVersion  Lambda layer, one logical id a content
//	Connector     managed policy on the source's role
//
// What reaches services that are not here (schedules, Cognito, CodeDeploy, …) is
// refused with its place. policies.json holds AWS's policy templates (from the SAM
// translator, Apache License 2.0) for the services that are here; the others are
// listed with null.
package sam
