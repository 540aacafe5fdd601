package systemtest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	gatewaytypes "github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/leatdev/leat/leattest"
)

// way is one answer of the inspection API's trace.
type way struct{ Thing, Kind, Name, Text string }

// trace asks for the way of a thing until its text names all that is wanted.
func (w *world) trace(id string, wanted ...string) (text string) {
	w.t.Helper()
	leattest.Eventually(w.t, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/_leat/api/trace?id="+url.QueryEscape(id), nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		var found []way
		if err := json.Unmarshal(body, &found); err != nil {
			return fmt.Errorf("%s: %w", body, err)
		}
		text = ""
		for _, f := range found {
			text += f.Text
		}
		for _, want := range wanted {
			if !strings.Contains(text, want) {
				return fmt.Errorf("%q is missing in\n%s", want, text)
			}
		}
		return nil
	})
	return text
}

func TestARecordsWayIsToldForwardAndAnItemsBackward(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stream := w.stream("events", 1)
	changes := w.table("accounts")
	w.table("audit")
	w.mapping(stream, w.python("open-account", "project.handler", map[string]string{"TABLE": "accounts"}), nil)
	w.mapping(changes, w.python("write-audit", "project.handler", map[string]string{"TABLE": "audit"}), nil)
	sequence := w.put("events", record("k", `{"id":"c-1"}`))[0]
	w.item("audit", "c-1")
	event, account, audit := "shardId-000000000000:"+sequence, `accounts/{"id":{"S":"c-1"}}`, `audit/{"id":{"S":"c-1"}}`
	forward := w.trace(event, "followed by", "open-account", account, "write-audit", audit)
	if strings.Contains(forward, "led to by") {
		t.Errorf("a record from outside has a cause:\n%s", forward)
	}
	backward := w.trace(audit, "led to by", "write-audit", account, "open-account", event)
	if strings.Index(backward, "write-audit") > strings.Index(backward, "open-account") {
		t.Errorf("backward, the nearest cause comes last:\n%s", backward)
	}
}

func TestATopicsMessageIsTheCauseOfItsFunctionsInvocation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.table("seen")
	fn := w.python("listen", "project.handler", map[string]string{"TABLE": "seen"})
	topics := sns.NewFromConfig(w.cfg)
	topic := must(topics.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: ptr("news")}))(t).TopicArn
	must(w.lambda.AddPermission(t.Context(), &lambda.AddPermissionInput{FunctionName: ptr("listen"), StatementId: ptr("news"), Action: ptr("lambda:InvokeFunction"), Principal: ptr("sns.amazonaws.com"), SourceArn: topic}))(t)
	must(topics.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: topic, Protocol: ptr("lambda"), Endpoint: &fn}))(t)
	message := must(topics.Publish(t.Context(), &sns.PublishInput{TopicArn: topic, Message: ptr("m-1")}))(t).MessageId
	w.item("seen", "m-1")
	w.trace(*message, "followed by", "listen", `seen/{"id":{"S":"m-1"}}`)
	w.trace(`seen/{"id":{"S":"m-1"}}`, "led to by", "listen", *message)
}

func TestARequestAtTheGatewayIsTheCauseOfItsFunctionsInvocation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.table("seen")
	fn := w.python("serve", "project.handler", map[string]string{"TABLE": "seen"})
	gateway := apigatewayv2.NewFromConfig(w.cfg)
	api := must(gateway.CreateApi(t.Context(), &apigatewayv2.CreateApiInput{Name: ptr("front"), ProtocolType: gatewaytypes.ProtocolTypeHttp, Target: &fn}))(t)
	must(w.lambda.AddPermission(t.Context(), &lambda.AddPermissionInput{FunctionName: ptr("serve"), StatementId: ptr("front"), Action: ptr("lambda:InvokeFunction"), Principal: ptr("apigateway.amazonaws.com")}))(t)
	resp := must(http.Get(w.url + "/_aws/execute-api/" + *api.ApiId + "/$default/"))(t)
	resp.Body.Close()
	id := resp.Header.Get("Apigw-Requestid")
	if resp.StatusCode != http.StatusOK || id == "" {
		t.Fatalf("%s %v", resp.Status, resp.Header)
	}
	w.trace(id, "followed by", "serve", `seen/{"id":{"S":"direct"}}`)
	w.trace(`seen/{"id":{"S":"direct"}}`, "led to by", "serve", id)
}

func TestARoleThatMayNotReadTheSourceGetsNoMapping(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stream := w.stream("s", 1)
	_, queue := w.queue("jobs", nil)
	changes := w.table("items")
	w.function("f", func(event) (any, error) { return nil, nil })
	must(w.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: ptr("blind"), AssumeRolePolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)}))(t)
	must(w.lambda.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: ptr("f"), Role: ptr("arn:aws:iam::000000000000:role/blind")}))(t)
	for source, want := range map[string]string{
		stream:  "Cannot access stream " + stream,
		changes: "Cannot access stream " + changes,
		queue:   "The provided execution role does not have permissions to call ReceiveMessage on SQS",
	} {
		in := &lambda.CreateEventSourceMappingInput{EventSourceArn: ptr(source), FunctionName: ptr("f")}
		if source != queue {
			in.StartingPosition = lambdatypes.EventSourcePositionLatest
		}
		if _, err := w.lambda.CreateEventSourceMapping(t.Context(), in); codeOf(err) != "InvalidParameterValueException" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", source, err)
		}
	}
	must(w.iam.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: ptr("blind"), PolicyArn: ptr("arn:aws:iam::aws:policy/service-role/AWSLambdaKinesisExecutionRole")}))(t)
	w.mapping(stream, "f", nil)
}
