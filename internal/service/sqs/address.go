package sqs

import (
	"context"
	"net/url"
	"strings"

	"github.com/leatdev/leat/internal/aws"
)

// url is how the caller reaches a queue: by the host it has already found us at.
func (s *Service) url(ctx context.Context, k queueKey) string {
	base := s.opts.Endpoint
	if r := aws.RequestFrom(ctx); r.Host != "" {
		scheme := "http://"
		if r.TLS {
			scheme = "https://"
		}
		base = scheme + r.Host
	}
	return strings.TrimSuffix(base, "/") + "/" + k.account + "/" + k.name
}

// keyOf finds account and name in a queue URL: its last two segments, whatever
// the host, so that URLs survive a change of port.
func keyOf(ctx context.Context, queueURL string) (queueKey, error) {
	if account, name, ok := lastTwo(queueURL); ok {
		return queueKey{account, aws.RequestFrom(ctx).Region, name}, nil
	}
	u, err := url.Parse(queueURL)
	if err != nil {
		return queueKey{}, errAddress(queueURL)
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	r := aws.RequestFrom(ctx)
	switch n := len(parts); {
	case n >= 2 && isAccount(parts[n-2]) && parts[n-1] != "":
		return queueKey{parts[n-2], r.Region, parts[n-1]}, nil
	case n == 1 && u.Host == "" && parts[0] != "": // a bare name is the caller's own queue
		return queueKey{r.Account(), r.Region, parts[0]}, nil
	}
	return queueKey{}, errAddress(queueURL)
}

// lastTwo is keyOf for addresses as they are given out, without the parsing of URLs.
func lastTwo(queueURL string) (account, name string, ok bool) {
	i := strings.LastIndexByte(queueURL, '/')
	if i < 0 || strings.ContainsAny(queueURL, "?#%") {
		return "", "", false
	}
	j := strings.LastIndexByte(queueURL[:i], '/')
	account, name = queueURL[j+1:i], queueURL[i+1:]
	return account, name, isAccount(account) && name != ""
}

func errAddress(queueURL string) *aws.Error {
	return aws.Errorf("InvalidAddress", "The address %s is not valid for this endpoint.", queueURL)
}

func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// queue finds the queue a request names and checks that its caller may act on it.
func (s *Service) queue(ctx context.Context, action string, queueURL *string) (*queue, error) {
	if queueURL == nil || *queueURL == "" {
		return nil, errMissing("QueueUrl")
	}
	k, err := keyOf(ctx, *queueURL)
	if err != nil {
		return nil, err
	}
	q := s.find(k)
	if q == nil {
		return nil, errQueueDoesNotExist()
	}
	return q, s.authorize(ctx, action, q)
}

// authorize lets an account act on its own queues; what its identities may do
// there is decided before a request reaches a service.
func (s *Service) authorize(ctx context.Context, action string, q *queue) error {
	r := aws.RequestFrom(ctx)
	if r.Account() == q.key.account {
		return nil
	}
	if s.opts.Authorize != nil {
		q.mu.Lock()
		policy := q.set.policy
		q.mu.Unlock()
		return s.opts.Authorize(ctx, "sqs:"+action, q.arn, policy)
	}
	return aws.StatusErrorf(403, "AccessDenied", "User: %s is not authorized to perform: sqs:%s on resource: %s because no resource-based policy allows the sqs:%s action",
		r.Caller.ARN, strings.ToLower(action), q.arn, strings.ToLower(action))
}
