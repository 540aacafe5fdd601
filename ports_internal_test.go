package leat

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/leatdev/leat/internal/service/lambda"
)

// After a restart, topics and buckets deliver what an earlier run left as soon as they are open.
func TestDeliveriesWaitUntilTheFunctionsAreThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rooms{ready: make(chan struct{})}
		early, cancel := context.WithCancel(t.Context())
		cancel()
		if err := (topicFunctions{deliverer{r}}).Invoke(early, "arn:aws:sns:us-east-1:000000000000:t", "arn:aws:lambda:us-east-1:000000000000:function:f", nil); !errors.Is(err, context.Canceled) {
			t.Errorf("a delivery before the functions are there: %v", err)
		}
		got := make(chan *lambda.Service)
		go func() {
			s, err := r.functions(t.Context())
			if err != nil {
				t.Error(err)
			}
			got <- s
		}()
		synctest.Wait()
		select {
		case <-got:
			t.Fatal("it did not wait")
		default:
		}
		r.lambda = &lambda.Service{}
		close(r.ready)
		if s := <-got; s != r.lambda {
			t.Errorf("it waited for %p", s)
		}
	})
}
