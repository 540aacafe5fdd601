package crashtest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/leatdev/leat/internal/sdkhttp"
)

// post is a topic and two queues that its messages are sorted into by their colour.
type post struct {
	sns    *sns.Client
	sqs    *sqs.Client
	topic  *string
	queues map[string]string // by colour: names
}

func newPost(url string) *post {
	c, h := credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""), sdkhttp.Client()
	return &post{
		sns:    sns.New(sns.Options{Region: "us-east-1", HTTPClient: h, BaseEndpoint: aws.String(url), RetryMaxAttempts: 1, Credentials: c}),
		sqs:    sqs.New(sqs.Options{Region: "us-east-1", HTTPClient: h, BaseEndpoint: aws.String(url), RetryMaxAttempts: 1, Credentials: c}),
		topic:  ptr("arn:aws:sns:us-east-1:000000000000:events"),
		queues: map[string]string{"red": "red-queue", "blue": "blue-queue"},
	}
}

func (p *post) prepare(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	_, err := p.sns.CreateTopic(ctx, &sns.CreateTopicInput{Name: ptr("events")})
	for colour, name := range p.queues {
		if err == nil {
			_, err = p.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: ptr(name)})
		}
		if err == nil {
			_, err = p.sns.Subscribe(ctx, &sns.SubscribeInput{
				TopicArn: p.topic, Protocol: ptr("sqs"), Endpoint: ptr("arn:aws:sqs:us-east-1:000000000000:" + name),
				Attributes: map[string]string{"RawMessageDelivery": "true", "FilterPolicy": fmt.Sprintf(`{"colour":[%q]}`, colour)},
			})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

var colours = []string{"red", "blue", "green"} // nobody wants the green ones

// publish publishes with several publishers until the server goes away, and
// calls acknowledged with each body that was accepted.
func (p *post) publish(life int, acknowledged func(colour, body string)) {
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := 0; ; i++ {
				colour := colours[i%len(colours)]
				body := fmt.Sprintf("%s %d-%d-%d", colour, life, w, i)
				_, err := p.sns.Publish(context.Background(), &sns.PublishInput{TopicArn: p.topic, Message: &body, MessageAttributes: map[string]snstypes.MessageAttributeValue{
					"colour": {DataType: ptr("String"), StringValue: &colour},
				}})
				if err != nil {
					return
				}
				acknowledged(colour, body)
			}
		})
	}
	wg.Wait()
}

// drain receives and deletes until every wanted message has come; it fails on
// what the filter policy should have kept away.
func (p *post) drain(colour string, want map[string]bool) error {
	ctx, url := context.Background(), ptr("http://localhost/000000000000/"+p.queues[colour])
	for len(want) > 0 {
		got, err := p.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 20, VisibilityTimeout: 600})
		if err != nil {
			return err
		}
		if len(got.Messages) == 0 {
			return fmt.Errorf("%s: %d acknowledged messages did not come", colour, len(want))
		}
		for _, m := range got.Messages {
			if body := *m.Body; body[:len(colour)] != colour {
				return fmt.Errorf("the queue of %s received %q", colour, body)
			}
			delete(want, *m.Body)
			if _, err := p.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: m.ReceiptHandle}); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestPublishedMessagesSurviveSIGKILL kills the real binary between publishing
// and receiving: what was acknowledged reaches the queues whose filter policies
// let it through, and no other.
func TestPublishedMessagesSurviveSIGKILL(t *testing.T) {
	t.Parallel()
	bin, dir := leatBinary(t), t.TempDir()
	rng := rand.New(rand.NewPCG(uint64(os.Getpid()), 3))
	var mu sync.Mutex
	want := map[string]map[string]bool{"red": {}, "blue": {}, "green": {}}
	total := 0
	for life := range *cycles {
		server := start(t, bin, dir)
		p := newPost(server.url)
		if life == 0 {
			p.prepare(t)
		}
		left := 50 + rng.IntN(300)
		p.publish(life, func(colour, body string) {
			mu.Lock()
			defer mu.Unlock()
			want[colour][body] = true
			if left--; left == 0 {
				server.kill()
			}
		})
	}
	p := newPost(start(t, bin, dir).url)
	for colour := range p.queues {
		total += len(want[colour])
		if err := p.drain(colour, want[colour]); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d kills: all %d acknowledged messages that a queue wanted came", *cycles, total)
}
