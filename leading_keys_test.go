package leat_test

import (
	"context"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/leatdev/leat/leattest"
)

func TestAPolicyKeepsACallerToItsOwnItems(t *testing.T) {
	t.Parallel()
	ctx, p := t.Context(), leattest.Start(t)
	admin, roles, table := dynamodb.NewFromConfig(p.Config()), iam.NewFromConfig(p.Config()), awssdk.String("Orders")
	ok[*dynamodb.CreateTableOutput](t)(admin.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: awssdk.String("tenant"), AttributeType: "S"}, {AttributeName: awssdk.String("id"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: awssdk.String("tenant"), KeyType: "HASH"}, {AttributeName: awssdk.String("id"), KeyType: "RANGE"}},
	}))
	role := ok[*iam.CreateRoleOutput](t)(roles.CreateRole(ctx, &iam.CreateRoleInput{RoleName: awssdk.String("ann"),
		AssumeRolePolicyDocument: awssdk.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`)})).Role
	ok[*iam.PutRolePolicyOutput](t)(roles.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: role.RoleName, PolicyName: awssdk.String("own"), PolicyDocument: awssdk.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["ann"]}}}]}`)}))
	c := ok[*sts.AssumeRoleOutput](t)(sts.NewFromConfig(p.Config()).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: awssdk.String("me")})).Credentials
	ann := dynamodb.NewFromConfig(p.ConfigFor(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken))

	text := func(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
	key := func(tenant string) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{"tenant": text(tenant), "id": text("1")}
	}
	calls := map[string]func(ctx context.Context, tenant string) error{
		"GetItem": func(ctx context.Context, tenant string) error {
			_, err := ann.GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: key(tenant)})
			return err
		},
		"PutItem": func(ctx context.Context, tenant string) error {
			_, err := ann.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: key(tenant)})
			return err
		},
		"UpdateItem": func(ctx context.Context, tenant string) error {
			_, err := ann.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: table, Key: key(tenant)})
			return err
		},
		"DeleteItem": func(ctx context.Context, tenant string) error {
			_, err := ann.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: table, Key: key(tenant)})
			return err
		},
		"Query": func(ctx context.Context, tenant string) error {
			_, err := ann.Query(ctx, &dynamodb.QueryInput{TableName: table, KeyConditionExpression: awssdk.String("id = :i AND tenant = :t"),
				ExpressionAttributeValues: map[string]types.AttributeValue{":t": text(tenant), ":i": text("1")}})
			return err
		},
		"BatchGetItem": func(ctx context.Context, tenant string) error {
			_, err := ann.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{*table: {Keys: []map[string]types.AttributeValue{key(tenant)}}}})
			return err
		},
		"BatchWriteItem": func(ctx context.Context, tenant string) error {
			_, err := ann.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{*table: {
				{PutRequest: &types.PutRequest{Item: map[string]types.AttributeValue{"tenant": text("ann"), "id": text("2")}}}, {DeleteRequest: &types.DeleteRequest{Key: key(tenant)}}}}})
			return err
		},
		"TransactWriteItems": func(ctx context.Context, tenant string) error {
			_, err := ann.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Put: &types.Put{TableName: table, Item: key(tenant)}}}})
			return err
		},
		"TransactGetItems": func(ctx context.Context, tenant string) error {
			_, err := ann.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{{Get: &types.Get{TableName: table, Key: key(tenant)}}}})
			return err
		},
	}
	for name, call := range calls {
		if err := call(ctx, "ann"); err != nil {
			t.Errorf("%s of an own item: %v", name, err)
		}
		if err := call(ctx, "bob"); code(err) != "AccessDeniedException" {
			t.Errorf("%s of another's item: %v", name, err)
		}
	}
}
