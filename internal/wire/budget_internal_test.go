package wire

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
)

func TestBudgetHandsOutInOrderAndNeverMoreThanItHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(100)
		ctx := context.Background()
		if err := b.take(ctx, 60); err != nil {
			t.Fatal(err)
		}
		granted := make(chan string, 3)
		go func() { _ = b.take(ctx, 50); granted <- "large" }()
		synctest.Wait()
		go func() { _ = b.take(ctx, 10); granted <- "small" }()
		synctest.Wait()
		if len(granted) != 0 {
			t.Fatalf("%s did not wait its turn", <-granted)
		}
		b.give(60)
		synctest.Wait()
		if len(granted) != 2 || b.free != 40 {
			t.Fatalf("%d granted, %d free", len(granted), b.free)
		}
	})
}

func TestBudgetTakesBackFromThoseWhoLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(100)
		if err := b.take(context.Background(), 100); err != nil || b.free != 0 {
			t.Fatalf("the whole budget: %v, %d free", err, b.free)
		}
		ctx, cancel := context.WithCancel(context.Background())
		left, behind := make(chan error, 1), make(chan error, 1)
		go func() { left <- b.take(ctx, 100) }()
		synctest.Wait()
		go func() { behind <- b.take(context.Background(), 30) }()
		synctest.Wait()
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		b.give(100)
		if err := <-behind; err != nil || b.free != 70 {
			t.Errorf("%v, %d free", err, b.free)
		}
	})
}

func TestBodiesHoldOnlyWhatTheyAreAndStreamsNothing(t *testing.T) {
	t.Parallel()
	type in struct{ ConsumerARN, StreamName *string }
	var s *Server
	var during []int64
	look := func() { during = append(during, s.bodies.size-s.bodies.free) }
	s, err := NewServer(Options{Services: []Service{{Model: "kinesis", NoConstraints: true, Operations: []Operation{
		Op("DescribeStream", func(context.Context, *in) (*struct{}, error) { look(); return nil, nil }),
		EventOp("SubscribeToShard", func(context.Context, *in, SendEvent) error { look(); return nil }),
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range []string{"DescribeStream", "SubscribeToShard"} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(`{"StreamName":"s"}`))
		r.Header.Set("X-Amz-Target", "Kinesis_20131202."+op)
		r.ContentLength = -1
		s.ServeHTTP(httptest.NewRecorder(), r)
		if s.bodies.free != s.bodies.size {
			t.Errorf("%s left %d bytes taken", op, s.bodies.size-s.bodies.free)
		}
	}
	if len(during) != 2 || during[0] != int64(len(`{"StreamName":"s"}`)) || during[1] != 0 {
		t.Errorf("taken during the calls: %v", during)
	}
}

func FuzzRouter(f *testing.F) {
	s, err := NewServer(Options{Services: []Service{{Model: "lambda"}, {Model: "apigateway"}}})
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range []string{"/2015-03-31/functions/f", "/2015-03-31/functions/arn%3Aaws/invocations", "//", "/%", "/restapis/a/b/c/d", "/tags/arn:aws:x/y"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		for _, svc := range s.services {
			rt, err := svc.routes()
			if err != nil {
				t.Fatal(err)
			}
			for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH"} {
				if r, labels := rt.find(method, path, nil); r != nil {
					for _, seg := range r.segments {
						if _, ok := labels[seg.label]; seg.label != "" && !ok {
							t.Errorf("%s %q: %s has no %s", method, path, r.op.Name, seg.label)
						}
					}
				}
			}
		}
	})
}
